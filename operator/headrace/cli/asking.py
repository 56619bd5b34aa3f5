"""How `promote`, `abort` and `retry` reach a rollout."""

from __future__ import annotations

import click

from headrace.cli.places import person, store_of
from headrace.engine.observations import Wish


def leave(name: str | None, wish: Wish) -> None:
    """Leave a request where the rollout's controller finds it at its next tick."""
    store = store_of(name)
    rollout = store.read()
    store.ask(wish, person())
    if store.is_running:
        click.echo(f"{rollout.key}: asked to {wish}; see `headrace status`.")
    else:
        click.echo(
            f"{rollout.key}: asked to {wish}; it is not running, so it takes effect at the next "
            "`headrace up`."
        )
