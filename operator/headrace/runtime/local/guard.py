"""Ends our processes when we are gone, however we went.

A program of its own, because nothing that we do after `kill -9` can be done by us: it holds one end
of a pipe whose other end only we have. Lines on it say which process groups to end (`+123`) and
which are no longer ours (`-123`); when the pipe closes, it ends those that are left. It works the
same on Linux and macOS, which has no death signal for children.

Between the start of a process and the line that names it lie some microseconds in which we must
not be killed. `headrace.runtime.local.guardian` is our side of it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator

GRACE = 3.0
"""Seconds from TERM to KILL."""


def read_lines(descriptor: int) -> Iterator[bytes]:
    """Give the whole lines that arrive, until the other end closes."""
    rest = b""
    while chunk := os.read(descriptor, 4096):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def groups_left(lines: Iterable[bytes]) -> set[int]:
    """Follow the lines to their end and give the process groups that are still ours."""
    groups: set[int] = set()
    for line in lines:
        sign, number = line[:1], line[1:]
        # 0 is our own group, 1 that of init: never a child of ours.
        if not number.isdigit() or int(number) <= 1:
            continue
        if sign == b"+":
            groups.add(int(number))
        elif sign == b"-":
            groups.discard(int(number))
    return groups


def signal_group(group: int, number: int) -> bool:
    """Send a signal, 0 for none, to a process group; False if there is nobody in it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS: the latter, when all are zombies
        return False
    return True


def end_groups(groups: Iterable[int], grace: float = GRACE) -> None:
    """Ask the groups to end, and end those that are there after `grace` seconds."""
    left = {group for group in groups if signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {group for group in left if signal_group(group, 0)}
    for group in left:
        signal_group(group, signal.SIGKILL)


def main() -> None:
    """Wait for the end of standard input, then end what is left."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_groups(groups_left(read_lines(0)))


if __name__ == "__main__":
    main()
