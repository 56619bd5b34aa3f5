"""`headrace abort`."""

from __future__ import annotations

import click

from headrace.cli.asking import leave
from headrace.cli.places import NAME
from headrace.engine.observations import Wish


@click.command()
@NAME
def abort(name: str | None) -> None:
    """Give all traffic back to the stable version.

    The rollout ends as rolled back. The version stays out until the spec names another one, or
    until `headrace retry`.
    """
    leave(name, Wish.ABORT)
