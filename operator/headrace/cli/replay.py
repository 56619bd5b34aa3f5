"""`headrace simulate --replay`: what a recording's rollout comes to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from headrace.api import ModelRollout
from headrace.api.fields import format_instant
from headrace.metrics.recording import merged
from headrace.metrics.recording_file import read_recording
from headrace.simulate.replay_table import replay_table
from headrace.simulate.replayed import Replayed, replayed


def show_replay(
    rollout: ModelRollout,
    files: Sequence[Path],
    *,
    stable: str | None,
    start: float | None,
    as_json: bool,
) -> None:
    """Replay recordings of one time and print what was decided.

    Raises:
        InvalidInput: A file is no recording, or one of something else.
    """
    recording = merged([read_recording(file) for file in files])
    found = replayed(rollout, recording, stable=stable, start=start)
    if as_json:
        click.echo(json.dumps(_told(found), indent=2))
    else:
        Console().print(replay_table(found))


def _told(found: Replayed) -> dict[str, Any]:
    ending = found.ending
    return {
        "rollout": found.rollout,
        "stable": found.stable,
        "candidate": found.candidate,
        "from": format_instant(found.first),
        "to": format_instant(found.last),
        "start": format_instant(found.start),
        "samples": found.samples,
        "nonsense": found.nonsense,
        "leftOut": dict(found.left_out),
        "ending": None if ending is None else ending.action,
        "decisions": [
            {
                "time": format_instant(one.time),
                "action": one.action,
                "reason": one.reason,
                "message": one.message,
                "asked": one.asked.model_dump(mode="json"),
                "requests": one.requests.model_dump(mode="json"),
                "differs": one.differs,
            }
            for one in found.decisions
        ],
        "peers": [asdict(one) | {"time": format_instant(one.time)} for one in found.peers],
    }
