"""`headrace watch`."""

from __future__ import annotations

import time

import click
from rich.console import Console
from rich.live import Live

from headrace.cli.places import NAME, store_of
from headrace.controller.session import ENDED
from headrace.report.terminal import render_status


@click.command()
@NAME
def watch(name: str | None) -> None:
    """Show a running rollout, live, until it ends.

    Ctrl-C stops the watching, not the rollout.
    """
    store = store_of(name)
    console = Console()
    rollout = store.read()
    with Live(render_status(rollout, time.time()), console=console, auto_refresh=False) as live:
        while rollout.status.phase not in ENDED and store.is_running:
            time.sleep(0.5)
            rollout = store.read()
            live.update(render_status(rollout, time.time()), refresh=True)
