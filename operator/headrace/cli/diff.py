"""`headrace diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from headrace.api import ModelRollout, ModelSpec, Status
from headrace.cli.main import complain
from headrace.diff.comparison import Difference, difference
from headrace.engine.answer import plan_of
from headrace.engine.plan import Plan
from headrace.errors import HeadraceError, InvalidInput, PlatformUnavailable
from headrace.lint.rollouts import read_rollouts
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import chosen_stage

if TYPE_CHECKING:
    from headrace.diff.server import Server

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
        from headrace.diff.server import Server

        server = Server(kubeconfig, context)
        codes = [_of_rollout(server, one, stage, before) for one in found]
    except InvalidInput:
        raise
    except HeadraceError as error:
        complain(str(error))
        sys.exit(_FAILED)
    sys.exit(max(codes))


def _of_rollout(
    server: Server, rollout: ModelRollout, stage: str | None, before: Sequence[ModelRollout]
) -> int:
    plan = _plan(server, rollout, stage, before)
    console, code = Console(highlight=False, soft_wrap=True), _SAME
    for found in _differences(server, render(rollout, plan)):
        if isinstance(found, str):
            complain(found)
            code = _FAILED
        elif found.lines:
            _print(found, console)
            code = max(code, _DIFFERS)
    return code


def _plan(
    server: Server, rollout: ModelRollout, stage: str | None, before: Sequence[ModelRollout]
) -> Plan:
    status = _status(server, rollout)
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


def _status(server: Server, rollout: ModelRollout) -> Status | None:
    """Give what the cluster says of the rollout; None if it says nothing."""
    from headrace.errors import NotFound

    metadata = rollout.metadata
    try:
        live = server.read(rollout.api_version, rollout.kind, metadata.namespace, metadata.name)
    except NotFound:
        return None
    return None if live is None else Status.model_validate(live.get("status", {}))


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


def _differences(server: Server, manifests: Sequence[Manifest]) -> Iterator[Difference | str]:
    """Give the difference of each object, or why it cannot be said."""
    for each in manifests:
        metadata = each["metadata"]
        name = f"{each['kind']} {metadata['namespace']}/{metadata['name']}"
        try:
            live = server.read(
                each["apiVersion"], each["kind"], metadata["namespace"], metadata["name"]
            )
            applied = server.dry_apply(each)
        except PlatformUnavailable:
            raise  # what is true of one object is true of all
        except HeadraceError as error:
            yield f"{name} cannot be compared: {error}"
        else:
            note = f"takes over from others: {applied.taken}" if applied.taken else ""
            yield difference(name, live, applied.object, note)


def _print(found: Difference, console: Console) -> None:
    if found.note:
        console.print(Text(f"# {found.name} {found.note}", style="yellow"))
    for line in found.lines:
        style = next((_STYLES[start] for start in _STYLES if line.startswith(start)), "")
        console.print(Text(line, style=style))


def _note(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(sentence, style="dim")
