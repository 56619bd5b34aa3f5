"""`headrace status`."""

from __future__ import annotations

import json
import time

import click
from rich.console import Console

from headrace.cli.places import NAME, store_of
from headrace.report.terminal import render_status


@click.command()
@NAME
@click.option("--json", "as_json", is_flag=True, help="The whole resource as JSON.")
def status(name: str | None, as_json: bool) -> None:
    """Say where a rollout is, and why.

    Shows the phase, the traffic of each version, every check with its numbers, and the last
    decision with its reason.
    """
    rollout = store_of(name).read()
    if as_json:
        click.echo(json.dumps(rollout.model_dump(mode="json"), indent=2))
        return
    Console().print(render_status(rollout, time.time()))
