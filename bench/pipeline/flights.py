"""The flights' pipeline from end to end, on all rows of the year."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench.memory import watched
from headrace.demo.flights import EVERYTHING
from headrace.demo.releases import RELEASES, template_for
from headrace.pipelines.local_run import Progress, run_pipeline

PIPELINE = Path(__file__).parents[2] / "pipelines" / "flight_delay" / "pipeline.yaml"


@dataclass(frozen=True)
class Flights:
    """A run of the pipeline.

    Attributes:
        seconds: From its start to its end.
        tasks: Seconds by task.
        most: Bytes that all its processes held together, at the worst look.
    """

    seconds: float
    tasks: dict[str, float]
    most: int


def run(folder: Path) -> Flights:
    """Train on January to December, with the last two weeks held out.

    Args:
        folder: Takes what the tasks write, the registry and the rollout.

    Raises:
        HeadraceError: A task failed.
    """
    inbox = folder / "rollouts"
    inbox.mkdir()
    arguments = {
        "release": "1",
        "train_from": "2013-01-01",
        "train_until": "2014-01-01",
        "inputs": list(EVERYTHING),
        "registry_uri": f"sqlite:///{folder / 'registry.db'}",
        "rollout_template": template_for(RELEASES[1]),
        "rollout_target": inbox.as_uri(),
    }
    begun = time.monotonic()
    with watched(os.getpid()) as memory:
        done = run_pipeline(PIPELINE, arguments, folder / "tasks", _say)
    if not any(inbox.iterdir()):
        raise SystemExit("the model did not pass its evaluation: nothing was rolled out")
    return Flights(time.monotonic() - begun, dict(done.tasks), memory.most)


def written(folder: Path, task: str, name: str) -> Path:
    """Find what a task wrote.

    Args:
        folder: As of `run`.
        task: Its name, such as `package`.
        name: Of the output, such as `bundle`.
    """
    (found,) = (folder / "tasks").rglob(f"{task}/{name}")
    return found


def _say(progress: Progress) -> None:
    if progress.state != "Running":
        print(f"    {progress.task}: {progress.seconds:.1f} s", flush=True)
