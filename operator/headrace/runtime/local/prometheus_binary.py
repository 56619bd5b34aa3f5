"""Gets a Prometheus: from PATH, from our cache, or from Debian's package, which needs no root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from headrace.errors import SetupError

Say = Callable[[str], None]

PATIENCE = 300.0
"""Seconds that a download may take."""

_SILENCE = 4.0


def find_prometheus(say: Say, environ: Mapping[str, str] = os.environ) -> Path:
    """Give the path of a Prometheus that runs here, downloaded if there is none.

    Args:
        say: Is told what is being done, at least every 5 seconds.
        environ: For `PATH`, `HOME` and `XDG_CACHE_HOME`.

    Raises:
        SetupError: There is none and none can be had; the text has the one command to run.
    """
    present = present_prometheus(environ)
    if present is not None:
        return present
    home = cache_folder(environ) / "prometheus"
    _unpack_package(home, environ, say)
    present = present_prometheus(environ)
    if present is None:
        raise SetupError(f"Debian's Prometheus does not run on this machine. {_hint()}")
    return present


def present_prometheus(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Give the path of a Prometheus that is here already and runs; None without one."""
    on_path = shutil.which("prometheus", path=environ.get("PATH"))
    cached = cache_folder(environ) / "prometheus" / "usr" / "bin" / "prometheus"
    candidates = [cached] if on_path is None else [Path(on_path), cached]
    return next((binary for binary in candidates if _runs(binary)), None)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Give the folder of what is downloaded once for this user."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home(), ".cache")
    return Path(base) / "headrace"


def _runs(binary: Path) -> bool:
    if not os.access(binary, os.X_OK):
        return False
    try:
        command = [str(binary), "--version"]
        result = subprocess.run(command, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def _unpack_package(home: Path, environ: Mapping[str, str], say: Say) -> None:
    path = environ.get("PATH")
    apt_get, dpkg = (shutil.which(name, path=path) for name in ("apt-get", "dpkg"))
    if apt_get is None or dpkg is None:
        raise SetupError(f"Prometheus is not installed. {_hint()}")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".prometheus-", dir=home.parent) as name:
            folder = Path(name)
            _download(apt_get, folder, environ, say)
            packages = list(folder.glob("*.deb"))
            if len(packages) != 1:
                raise SetupError(f"apt-get brought no package of Prometheus. {_hint()}")
            say("Unpacking Prometheus")
            unpacked = folder / "unpacked"
            _run([dpkg, "-x", str(packages[0]), str(unpacked)], folder, environ, say)
            shutil.rmtree(home, ignore_errors=True)
            unpacked.rename(home)
    except OSError as error:
        raise SetupError(
            f"Prometheus cannot be kept in {home}: {error.strerror}. Make room there, or set "
            "XDG_CACHE_HOME to another folder."
        ) from error


def _download(apt_get: str, folder: Path, environ: Mapping[str, str], say: Say) -> None:
    command = [apt_get, "download", "prometheus"]
    is_root = os.geteuid() == 0
    if is_root:
        # Else apt, as its user _apt, finds our folder closed and warns.
        command[1:1] = ["-o", "APT::Sandbox::User=root"]
    say("Downloading Prometheus (Debian's package, about 20 MB)")
    try:
        _run(command, folder, environ, say)
    except SetupError:
        if not is_root:
            raise
        say("Updating the lists of packages")
        _run([apt_get, "update"], folder, environ, say)
        say("Downloading Prometheus")
        _run(command, folder, environ, say)


def _run(command: list[str], folder: Path, environ: Mapping[str, str], say: Say) -> None:
    """Run a command and say every few seconds that it still runs.

    Raises:
        SetupError: It fails or takes too long; the text has its last line.
    """
    log = folder / "output.log"
    deadline = time.monotonic() + PATIENCE
    name = Path(command[0]).name
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(_SILENCE)
                except subprocess.TimeoutExpired:
                    size = sum(file.stat().st_size for file in folder.rglob("*.deb*"))
                    say(f"... {name} is still running ({size / 1e6:.0f} MB so far)")
                if time.monotonic() > deadline:
                    raise SetupError(f"{name} took longer than {PATIENCE:g} s. {_hint()}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        raise SetupError(f"{name} failed: {lines[-1][:300]} {_hint()}")


def _hint() -> str:
    if sys.platform == "darwin":
        return "Install it: run `brew install prometheus`."
    if shutil.which("apt-get"):
        command = "apt-get update && apt-get install -y prometheus"
        command = command if os.geteuid() == 0 else f"sudo sh -c '{command}'"
        return f"Install it: run `{command}`."
    return "Install Prometheus with your system's packages, so that `prometheus` is on PATH."


def main(arguments: Sequence[str]) -> int:
    """Get a Prometheus as a part of the set-up.

    Args:
        arguments: `--check` only looks whether one is here.

    Returns:
        The exit code: 0 with a Prometheus, 1 without.
    """
    if "--check" in arguments:
        return 0 if present_prometheus() else 1
    try:
        find_prometheus(lambda line: print(f"      {line}", flush=True))
    except SetupError as error:
        print(f"headrace: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
