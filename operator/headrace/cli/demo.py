"""`headrace demo`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from headrace.cli.places import home
from headrace.controller.store import RolloutStore
from headrace.errors import Conflict


@click.command()
def demo() -> None:
    """Release a real model three times on this machine, and judge it.

    Trains a model of flight delays with a Kubeflow pipeline, puts it in front of live traffic
    (real model servers, a real Envoy, a real Prometheus), and rolls out a better and a broken
    version of it. Takes about three minutes, needs no cluster and no Docker, and leaves nothing
    running. The report is written to .headrace/demo/report.html.
    """
    from headrace.demo.narrator import Narrator
    from headrace.demo.run import run_demo
    from headrace.report.terminal import release_table

    console = Console()
    with Narrator(console) as narrator:
        folder = _free_folder()
        report, html = run_demo(folder, Path.cwd(), narrator)
    console.print()
    console.print(release_table(report))
    console.print(f"\nThe report, with pictures: {html}", soft_wrap=True)
    if folder.name == "demo":  # which is the one that goes by this name
        console.print("More: headrace why demo, headrace status demo, headrace history demo")


def _free_folder() -> Path:
    """Give `.headrace/demo`, or another one beside it where a demo is already at work."""
    for folder in ("demo", *(f"demo-{number}" for number in range(2, 10))):
        if not RolloutStore(home() / folder).is_running:
            return home() / folder
    raise Conflict("Nine demos are at work here already.")
