"""What `make demo` costs, and how fast it reacts.

    python -m bench.demo [--new]

Runs the demo in a folder of its own (`--new`: in an empty cache too, so that everything is
downloaded and unpacked again but the packages of the two environments) and prints

- how long each part took, as the demo says it;
- the most memory that all its processes had together (proportional set size: a page that several
  processes share is counted once), and who had it;
- of the rollback: the time from the scrape that shows the defect to the decision, and to the tick
  that has seen Envoy without any weight for the candidate. Beside it what the same scrape would
  have met elsewhere: Argo Rollouts and Flagger look once in their interval (60 s in their
  examples), and need several failures in a row of looks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.memory import Memory
from headrace.report.journal import read_journal

PEERS_INTERVAL = 60.0
"""Seconds between two looks, in the examples of both peers."""
PEERS_LOOKS = {"Argo Rollouts, failureLimit 3": 4, "Flagger, threshold 5": 6}
"""Failing looks until they act: one more than Argo's limit; Flagger acts a tick late."""


def _kind(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    kinds = ("seldon-core-microservice", "comparator", "headrace.load", "headrace demo", "kfp")
    return next((kind for kind in kinds if kind in command), process.name())


def reaction(home: Path) -> tuple[float, float, float]:
    """Read the rollback from the journal.

    Returns:
        Seconds from the scrape to the decision, from there to the tick that saw weight 0, and
        between two ticks.
    """
    records = read_journal(home / "demo" / "demo" / "flight-delay" / "journal.jsonl")
    first = next(i for i, record in enumerate(records) if record.action == "RollBack")
    decided = records[first]
    scrape = max(check.observed_until or 0.0 for check in decided.checks)
    gone = next(r for r in records[first:] if r.seen is not None and r.seen.candidate == 0)
    return decided.time - scrape, gone.time - decided.time, decided.time - records[first - 1].time


def main() -> None:
    """Run the demo and print the figures."""
    parser = argparse.ArgumentParser(description="What the demo costs, and how fast it reacts.")
    parser.add_argument("--new", action="store_true", help="with an empty cache")
    new = parser.parse_args().new
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as name:
        home = Path(name)
        environ = {**os.environ, "HEADRACE_HOME": name}
        if new:
            environ["XDG_CACHE_HOME"] = str(home / "cache")
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "headrace"), "demo"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        memory = Memory(process.pid, _kind)
        memory.start()
        assert process.stdout is not None
        for line in process.stdout:
            if "Release " in line or "pipeline: " in line or "RollBack" in line:
                print(line.rstrip())
        code = process.wait()
        memory.stop()
        if code:
            raise SystemExit(f"the demo ended with {code}")
        seconds = time.monotonic() - begun
        report = json.loads((home / "demo" / "report.json").read_text("utf-8"))
        decided, carried, tick = reaction(home)
    outcomes = [release["outcome"] for release in report["releases"]]
    print(f"\nthe demo: {seconds:.0f} s, {', '.join(outcomes)}")
    print(f"most memory: {memory.most / 1e6:,.0f} MB")
    for kind, size in memory.holders.most_common(8):
        print(f"  {size / 1e6:7,.0f} MB  {kind}")
    print(f"from the scrape to the decision: {decided:.2f} s")
    print(f"from the decision to a tick that saw weight 0: at most {carried:.2f} s")
    print(f"  (one tick is {tick:.1f} s)")
    for peer, looks in PEERS_LOOKS.items():
        least = (looks - 1) * PEERS_INTERVAL
        print(f"{peer}: at least {least:.0f} s, {least / (decided + carried):.0f} times as long")


if __name__ == "__main__":
    main()
