"""`headrace status`."""

from __future__ import annotations

import json
import time

import click
from rich.console import Console

from headrace.cli.places import Choice, find_place, placed
from headrace.report.terminal import render_status


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The whole resource as JSON.")
@placed
def status(choice: Choice, as_json: bool) -> None:
    """Say where a rollout is, and why.

    Shows the phase, the traffic that is asked for and seen, every check with its numbers, what is
    still to come, and the last decision with its reason.
    """
    rollout = find_place(choice).read()
    if as_json:
        click.echo(json.dumps(rollout.model_dump(mode="json"), indent=2))
        return
    Console().print(render_status(rollout, time.time()))
