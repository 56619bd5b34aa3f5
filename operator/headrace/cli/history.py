"""`headrace history`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console

from headrace.api.fields import format_instant
from headrace.cli.places import Choice, find_place, placed
from headrace.report.audit import render_trail, trail


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object a line.")
@placed
def history(choice: Choice, as_json: bool) -> None:
    """Show the audit trail: what was live when, who asked for what, and why.

    The last 50 rollouts and the last 20 requests of people, the newest last.
    """
    rollout = find_place(choice).read()
    if not as_json:
        Console().print(render_trail(rollout))
        return
    for one in trail(rollout):
        click.echo(json.dumps(asdict(one) | {"time": format_instant(one.time)}))
