"""`headrace watch`."""

from __future__ import annotations

import sys
import time

import click
from rich.console import Console
from rich.live import Live

from headrace.api import ModelRollout, Phase
from headrace.cli.places import Choice, Place, find_place, placed
from headrace.delivery.ending import has_ended
from headrace.errors import TemporaryError
from headrace.report.terminal import render_status

_PAUSE = 1.0
"""Seconds between two looks."""


@click.command()
@placed
def watch(choice: Choice) -> None:
    """Show a rollout, live, until it ends.

    Ctrl-C stops the watching, not the rollout. The exit code is 1 when it was rolled back.
    """
    place = find_place(choice)
    rollout = place.read()
    console = Console()
    with Live(render_status(rollout, time.time()), console=console, auto_refresh=False) as live:
        while not has_ended(rollout) and place.is_running:
            time.sleep(_PAUSE)
            rollout = _look(place, rollout)
            live.update(render_status(rollout, time.time()), refresh=True)
    if rollout.status.phase is Phase.ROLLED_BACK:
        sys.exit(1)


def _look(place: Place, last: ModelRollout) -> ModelRollout:
    try:
        return place.read()
    except TemporaryError:
        # What was seen last stays; the rollout goes on all the same.
        return last
