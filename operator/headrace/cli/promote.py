"""`headrace promote`."""

from __future__ import annotations

import click

from headrace.cli.asking import leave
from headrace.cli.places import NAME
from headrace.engine.observations import Wish


@click.command()
@NAME
def promote(name: str | None) -> None:
    """Approve the step at hand, or promote now.

    At an approval step this approves it. Otherwise the candidate is promoted at once, without
    further proof; the history says who asked.
    """
    leave(name, Wish.PROMOTE)
