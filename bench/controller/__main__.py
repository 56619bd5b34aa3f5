"""`python -m bench.controller`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

import bench.controller
from bench.controller.run import Wanted, run
from bench.controller.table import show


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.controller",
        description=bench.controller.__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--rollouts", type=int, nargs="+", default=[50], metavar="N")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the window")
    parser.add_argument("--by", type=int, default=2, help="per cent of a step")
    parser.add_argument("--holding", action="store_true", help="one step that holds")
    parser.add_argument("--minutes", type=float, default=0.0, help="follow the memory so long")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--no-fault", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    given = parser.parse_args()
    # So that all processes end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    found = []
    for count in given.rollouts:
        print(f"N = {count}", flush=True)
        wanted = Wanted(
            count,
            given.seconds,
            given.by,
            holding=given.holding,
            minutes=given.minutes,
            kill=not given.no_kill,
            fault=not given.no_fault,
        )
        found.append(run(wanted))
        if given.json:
            given.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    show(found)


if __name__ == "__main__":
    main()
