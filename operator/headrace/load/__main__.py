"""`python -m headrace.load`: the sender as a process of its own, so that it disturbs nobody."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import stat
import sys
from pathlib import Path

from headrace.errors import HeadraceError
from headrace.load.requests import read_lines
from headrace.load.sender import Sender


def main() -> None:
    """Read the arguments and send."""
    parser = argparse.ArgumentParser(prog="python -m headrace.load", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--host", default="", help="that requests name, if not the address'")
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0, help="start with this line, from 0")
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--count", type=int, required=True, help="at most so many requests")
    parser.add_argument("--seconds", type=float, required=True, help="for at most so long")
    parser.add_argument("--feedback", type=float, default=0.0, help="share that gets feedback")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--ledger", type=Path, required=True, help="where to count, as JSON")
    arguments = parser.parse_args()
    try:
        asyncio.run(_send(arguments))
    except HeadraceError as error:
        sys.exit(f"headrace: {error}")


async def _send(arguments: argparse.Namespace) -> None:
    lines = read_lines(arguments.requests)
    first = arguments.first % len(lines)
    lines = (*lines[first:], *lines[:first])
    sender = Sender(
        arguments.url, arguments.rate, arguments.feedback, arguments.threshold, arguments.host
    )
    sending = asyncio.current_task()
    assert sending is not None
    loop = asyncio.get_running_loop()
    has_pipe = stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode)

    def end() -> None:
        # Once: a second cancellation would cut off the wait for the open requests.
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if has_pipe:
            loop.remove_reader(sys.stdin)
        sending.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)
    if has_pipe:
        # A pipe that closes means that whoever started us is gone.
        loop.add_reader(sys.stdin, end)
    with contextlib.suppress(asyncio.CancelledError):
        await sender.send(
            lines,
            arguments.count,
            arguments.seconds,
            lambda: sender.ledger.write(arguments.ledger),
        )


if __name__ == "__main__":
    main()
