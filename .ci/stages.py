"""What CI runs on a clean checkout. It installs everything itself: make does, from the lock files.

What a stage says is in .headrace/ci; here is how it ended, how long it took, and of one that failed
why. What the last stages need is built beside the first ones on a new machine; who needs it waits
for it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".headrace" / "ci"
STAGES = {
    "environments": "setup",
    "lint": "lint",
    "all tests but those in a cluster": "test",
    "tests in a cluster": "e2e",
}
BUILT_BESIDE = "cluster"
"""Wanted by the last stages; where it fails, they try again and say why."""

HEARTBEAT_SECONDS = 60
REPORT = re.compile(r"^=+ (FAILURES|ERRORS) =", re.MULTILINE)
MOST_LINES = 400


def main() -> int:
    """Run the stages until one fails; gives its exit code."""
    os.environ.setdefault("CI", "true")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    began = time.monotonic()
    took: list[str] = []
    first, *others = STAGES
    code = run(first, took)
    if code == 0:
        with built_beside():
            for name in others:
                code = code or run(name, took)
    say(f"\n== {time.monotonic() - began:.0f} s in all", *took)
    return code


def run(name: str, took: list[str]) -> int:
    """Run a stage; show how it ended, and say while it runs every minute how far it is."""
    began, log = time.monotonic(), LOGS / f"{name.replace(' ', '-')}.log"
    say(f"\n== {name}")
    with (
        log.open("wb") as output,
        subprocess.Popen(
            ["make", STAGES[name]], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        ) as stage,
    ):
        try:
            while (code := ended(stage)) is None:
                say(f"{time.monotonic() - began:7.0f} s  {lines_of(log)[-1][-80:]}")
        finally:
            stage.terminate()
    lines = lines_of(log)
    if code:
        say(f"\n== failed in: {name}", *reported(lines))
    else:
        say(*[line for line in lines if re.search(r"\d+ passed", line)] or lines[-1:])
    how = "failed in" if code else "         "
    took.append(f"{how} {time.monotonic() - began:5.0f} s  {name}")
    return code


def ended(stage: subprocess.Popen[bytes]) -> int | None:
    """Wait a minute for the end of a stage; gives its exit code then."""
    try:
        return stage.wait(HEARTBEAT_SECONDS)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def built_beside() -> Iterator[None]:
    """Build meanwhile at the lowest priority, also among the groups of sessions that Linux has."""
    with (
        (LOGS / "beside.log").open("wb") as output,
        subprocess.Popen(
            ["nice", "-n", "19", "make", BUILT_BESIDE],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as building,
    ):
        with suppress(OSError):  # Not every kernel has such groups.
            Path(f"/proc/{building.pid}/autogroup").write_text("19", encoding="ascii")
        try:
            yield
        finally:
            if building.poll() is None:
                os.killpg(building.pid, signal.SIGTERM)


def reported(lines: list[str]) -> list[str]:
    """Give what pytest says of failures and ended with, or how the log ends."""
    text = "\n".join(lines)
    found = REPORT.search(text)
    return text[found.start() :].splitlines()[-MOST_LINES:] if found else lines[-80:]


def lines_of(log: Path) -> list[str]:
    """Give what a log says so far, at least one line."""
    return log.read_text(encoding="utf-8", errors="replace").splitlines() or [""]


def say(*lines: str) -> None:
    """Print lines at once: whoever waits looks at them."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
