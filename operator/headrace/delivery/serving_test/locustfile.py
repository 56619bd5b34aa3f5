"""What locust does: so many users at a time, each with one request after the other.

Run by `load.py` as `python -m locust -f` this file, in a process of its own. `HEADRACE_LOAD` names
the plan: JSON with url, path, bodies, levels, seconds (of each level) and output.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

from locust import FastHttpUser, LoadTestShape, constant, events, task

PLAN: dict[str, Any] = json.loads(Path(os.environ["HEADRACE_LOAD"]).read_text("utf-8"))
BODIES = itertools.cycle([body.encode() for body in PLAN["bodies"]])
LEVELS: list[dict[str, float]] = []
"""When each level began and ended, and how much time of a core had been used by then."""

ANSWERS: list[tuple[float, float, str]] = []
"""When each answer came, how long it took in seconds, and why it was none; empty where it was."""


class Levels(LoadTestShape):  # type: ignore[misc]
    """So many users for so many seconds, then more."""

    def tick(self) -> tuple[int, float] | None:
        """Say how many users there should be now; None at the end. Called about once a second."""
        now, cpu = time.perf_counter(), time.process_time()
        if LEVELS and now - LEVELS[-1]["began"] >= PLAN["seconds"]:
            LEVELS[-1] |= {"ended": now, "cpu_ended": cpu}
        if not LEVELS or "ended" in LEVELS[-1]:
            if len(LEVELS) == len(PLAN["levels"]):
                return None
            users = PLAN["levels"][len(LEVELS)]
            LEVELS.append({"users": users, "began": now, "cpu_began": cpu})
        users = PLAN["levels"][len(LEVELS) - 1]
        return users, float(users)


class User(FastHttpUser):  # type: ignore[misc]
    """Sends one request as soon as the last one is answered."""

    host = PLAN["url"]
    wait_time = constant(0)

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Ask for a prediction."""
        headers = {"Content-Type": "application/json"}
        self.client.post(PLAN["path"], data=next(BODIES), headers=headers)


@events.request.add_listener  # type: ignore[untyped-decorator]
def count(response_time: float, exception: object, response: Any, **_: object) -> None:
    """Remember an answer."""
    cause = ""
    if exception is not None:
        status = getattr(response, "status_code", 0)
        cause = f"HTTP {status}" if status else type(exception).__name__
    ANSWERS.append((time.perf_counter(), response_time / 1000, cause))


@events.quit.add_listener  # type: ignore[untyped-decorator]
def write(**_: object) -> None:
    """Leave what was seen."""
    levels = [level for level in LEVELS if "ended" in level]
    seen = {"levels": levels, "answers": ANSWERS}
    Path(PLAN["output"]).write_text(json.dumps(seen), encoding="utf-8")
