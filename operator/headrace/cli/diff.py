"""`headrace diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from headrace.api import ModelRollout, ModelSpec, Status
from headrace.cli.difference import Difference, difference
from headrace.cli.main import complain
from headrace.engine.answer import plan_of
from headrace.engine.plan import Plan
from headrace.errors import Conflict, HeadraceError, InvalidInput, PlatformUnavailable
from headrace.lint.rollouts import read_rollouts
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import chosen_stage

if TYPE_CHECKING:
    from headrace.runtime.kubernetes.cluster import Cluster

_SAME, _DIFFERS, _FAILED = 0, 1, 2
_STYLES = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}


@click.command()
@click.argument("rollouts", nargs=-1, required=True, metavar="ROLLOUT.yaml...")
@click.option(
    "--stage",
    help="Such as canary:25; by default the one that the cluster's rollout is in.",
)
@click.option(
    "--stable",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The rollout as it was, for --stage: its spec.model has the users before.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="By default what KUBECONFIG names, or ~/.kube/config.",
)
@click.option("--context", help="Of the kubeconfig; by default its current one.")
def diff(
    rollouts: tuple[str, ...],
    stage: str | None,
    stable: Path | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Show what applying a rollout's manifests would change in a cluster.

    ROLLOUT.yaml are files, folders or `-`. The API server is asked by a dry run, so that its
    defaults, its webhooks and other owners of fields count; nothing is changed. The manifests are
    those of the state that the cluster's ModelRollout is in: its versions and weights, with the
    spec of the file.

    Exit codes, as of `kubectl diff`: 0 nothing would change, 1 something would, 2 it cannot be
    said.
    """
    before = () if stable is None else read_rollouts([str(stable)])
    found = read_rollouts(rollouts)
    try:
        from headrace.cli.clusters import connected

        cluster = connected(None if kubeconfig is None else str(kubeconfig), context, timeout=30.0)
        codes = [_of_rollout(cluster, one, stage, before) for one in found]
    except InvalidInput:
        raise
    except HeadraceError as error:
        complain(str(error))
        sys.exit(_FAILED)
    sys.exit(max(codes))


def _of_rollout(
    cluster: Cluster, rollout: ModelRollout, stage: str | None, before: Sequence[ModelRollout]
) -> int:
    plan = _plan(cluster, rollout, stage, before)
    console, code = Console(highlight=False, soft_wrap=True), _SAME
    for found in _differences(cluster, render(rollout, plan)):
        if isinstance(found, str):
            complain(found)
            code = _FAILED
        elif found.lines:
            _print(found, console)
            code = max(code, _DIFFERS)
    return code


def _plan(
    cluster: Cluster, rollout: ModelRollout, stage: str | None, before: Sequence[ModelRollout]
) -> Plan:
    status = _status(cluster, rollout)
    users_before = _users_before(rollout, status, before)
    if stage is not None:
        return chosen_stage(rollout, users_before, stage).plan
    if status is None or status.stable is None:
        why = "the cluster has no such ModelRollout" if status is None else "it has not begun"
        _note(f"{rollout.key}: {why}; compared is its end, with all the users on spec.model.")
        return chosen_stage(rollout, None, "promoted").plan
    plan = plan_of(rollout.spec, status, status.weights.asked)
    missing = [each.version for each in rollout.spec.versions if each not in plan.versions]
    if missing:
        versions = ", ".join(missing)
        _note(f"{rollout.key}: {versions} is not running; give --stage to see what it will be.")
    return plan


def _status(cluster: Cluster, rollout: ModelRollout) -> Status | None:
    """Give what the cluster says of the rollout; None if it says nothing."""
    from headrace.controller.kept import status_of
    from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT

    metadata = rollout.metadata
    live = cluster.get(MODEL_ROLLOUT, metadata.namespace, metadata.name)
    return None if live is None else status_of(live)


def _users_before(
    rollout: ModelRollout, status: Status | None, before: Sequence[ModelRollout]
) -> ModelSpec | None:
    for one in before:
        if one.key == rollout.key:
            return one.spec.model
    if before:
        keys = ", ".join(one.key for one in before)
        raise InvalidInput(f"--stable has no rollout {rollout.key}; it has {keys}.")
    return None if status is None else status.stable


def _differences(cluster: Cluster, manifests: Sequence[Manifest]) -> Iterator[Difference | str]:
    """Give the difference of each object, or why it cannot be said."""
    from headrace.runtime.kubernetes.kinds import kind_of

    for each in manifests:
        metadata = each["metadata"]
        name = f"{each['kind']} {metadata['namespace']}/{metadata['name']}"
        try:
            live = cluster.get(kind_of(each), metadata["namespace"], metadata["name"])
            after, note = _applied(cluster, each)
        except PlatformUnavailable:
            raise  # what is true of one object is true of all
        except HeadraceError as error:
            yield f"{name} cannot be compared: {error}"
        else:
            yield difference(name, live, after, note)


def _applied(cluster: Cluster, manifest: Manifest) -> tuple[dict[str, Any], str]:
    """Give an object as it would be, and whose fields that would take."""
    try:
        return cluster.apply(manifest, force=False, dry_run=True), ""
    except Conflict as conflict:
        return cluster.apply(manifest, dry_run=True), f"takes over from others: {conflict}"


def _print(found: Difference, console: Console) -> None:
    if found.note:
        console.print(Text(f"# {found.name} {found.note}", style="yellow"))
    for line in found.lines:
        style = next((_STYLES[start] for start in _STYLES if line.startswith(start)), "")
        console.print(Text(line, style=style))


def _note(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(sentence, style="dim")
