"""`headrace retry`."""

from __future__ import annotations

import click

from headrace.cli.asking import leave
from headrace.cli.places import NAME
from headrace.engine.observations import Wish


@click.command()
@NAME
def retry(name: str | None) -> None:
    """Try a version again that was rolled back.

    Also ends a pause: the rollout goes on at the step where it stopped.
    """
    leave(name, Wish.RETRY)
