"""`headrace why`."""

from __future__ import annotations

import click
from rich.console import Console

from headrace.cli.places import Choice, find_place, placed
from headrace.report.audit import render_why


@click.command()
@click.option("--version", default=None, help="Which version; by default the last one tried.")
@placed
def why(choice: Choice, version: str | None) -> None:
    """Say why a version was promoted, rolled back or is where it is.

    With the numbers: the sentence of the decision, the requests of both versions, and what every
    check has seen of them.
    """
    Console().print(render_why(find_place(choice).read(), version))
