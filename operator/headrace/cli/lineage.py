"""`headrace lineage`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click
from rich.console import Console

from headrace.api import ModelRollout
from headrace.cli.places import home
from headrace.cli.registries import registry_of
from headrace.controller.store import RolloutStore
from headrace.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from headrace.registry import Registry

_DEMO = "demo/mlflow.db"


@click.command()
@click.argument("subject")
@click.option(
    "--registry",
    envvar="MLFLOW_TRACKING_URI",
    default=None,
    help="sqlite:///mlflow.db, or the address of a server.  [default: that of the demo]",
)
@click.option("-n", "--namespace", default="", help="Of a cluster: look at its rollouts, too.")
@click.option("--context", default="", help="The context of the kubeconfig that has it.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def lineage(
    subject: str, registry: str | None, namespace: str, context: str, as_json: bool
) -> None:
    """Show what a version was made of, what else was made of it, and when it was live.

    SUBJECT is a version, a bundle's folder, or a digest, commit or run, which gives all the
    versions that come from it. A rollout that cannot be read is left out, and named on standard
    error.

    \b
      headrace lineage flight-delay@7
      headrace lineage flight-delay@champion
      headrace lineage bundles/churn-1
      headrace lineage sha256:5f1c...
    """
    from headrace.registry.lineage import trace
    from headrace.report.lineage import lineage_document, render_lineage, stays

    found = trace(subject, _registry(registry))
    kept = [*_local(), *(_in_cluster(namespace, context) if namespace or context else ())]
    rollouts = list(_readable(kept))
    told = [(one, stays(rollouts, one.name, one.version)) for one in found]
    if as_json:
        click.echo(json.dumps([lineage_document(*one) for one in told], indent=2))
        return
    console = Console()
    for one, lived in told:
        console.print(render_lineage(one, lived))


def _registry(uri: str | None) -> Registry | None:
    if uri is not None:
        return registry_of(uri)
    demo = (home() / _DEMO).resolve()
    return registry_of(f"sqlite:///{demo}") if demo.is_file() else None


def _readable(kept: Iterable[Callable[[], ModelRollout]]) -> Iterator[ModelRollout]:
    """Give the rollouts that can be read, and say which cannot."""
    for read in kept:
        try:
            yield read()
        except (InvalidInput, NotFound) as error:
            click.echo(f"headrace: left out: {error}", err=True)


def _local() -> Iterator[Callable[[], ModelRollout]]:
    """Give the rollouts of this machine, and those of the demos."""
    for pattern in ("*/*/rollout.yaml", "demo*/*/*/rollout.yaml"):
        for file in sorted(home().glob(pattern)):
            yield RolloutStore(file.parent).read


def _in_cluster(namespace: str, context: str) -> Iterator[Callable[[], ModelRollout]]:
    # The Kubernetes client takes long to import, and a laptop need not have it.
    from headrace.cli.clusters import rollouts_in_cluster

    return rollouts_in_cluster(namespace, context)
