"""`headrace render`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from headrace.api import ModelRollout, ModelSpec
from headrace.errors import Conflict, InvalidInput
from headrace.lint.rollouts import read_rollouts
from headrace.render.manifest import Manifest
from headrace.render.rendering import render as render_plan
from headrace.render.stages import Stage, chosen_stage, stages
from headrace.render.yaml_text import to_yaml


@click.command()
@click.argument("rollouts", nargs=-1, required=True, metavar="ROLLOUT.yaml...")
@click.option("--backend", type=click.Choice(["Kubernetes", "Seldon"]), help="Not the spec's.")
@click.option(
    "--router",
    type=click.Choice(["GatewayAPI", "Istio", "Seldon", "None"]),
    help="Not the spec's.",
)
@click.option(
    "--stage",
    default="promoted",
    show_default=True,
    help="Such as canary:25, or all; a wrong one gets you the list.",
)
@click.option(
    "--stable",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The rollout as it was: its spec.model has the users before.",
)
@click.option(
    "--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="A file per kind."
)
def render(
    rollouts: tuple[str, ...],
    backend: str | None,
    router: str | None,
    stage: str,
    stable: Path | None,
    form: str,
    output: Path | None,
) -> None:
    """Show the manifests of a rollout, as they are applied at one of its stages.

    Files, folders or `-`; each may have several documents. Without --stable only the
    stages with one version can be shown: where the rollout leads, all the users on spec.model.

    \b
      headrace render rollout.yaml | kubectl apply --server-side -f -
      git show HEAD~1:rollout.yaml > before.yaml
      headrace render rollout.yaml --stable before.yaml --stage canary:25
      headrace render rollout.yaml --stable before.yaml --stage all -o rendered/
    """
    before = {} if stable is None else {one.key: one for one in read_rollouts([str(stable)])}
    found = [_changed(one, backend, router) for one in read_rollouts(rollouts)]
    rendered = [
        (rollout, each, render_plan(rollout, each.plan))
        for rollout in found
        for each in _chosen(rollout, _users_before(rollout, stable, before), stage)
    ]
    several = len(rendered) > 1
    for rollout, each, manifests in rendered:
        if output is None:
            click.echo(_document(rollout, each, manifests, form, several), nl=False)
            continue
        folder = output
        if len(found) > 1:
            folder /= f"{rollout.metadata.namespace}-{rollout.metadata.name}"
        if stage == "all":
            folder /= each.name.replace(":", "-")
        _write(folder, manifests, form)


def _changed(rollout: ModelRollout, backend: str | None, router: str | None) -> ModelRollout:
    spec = rollout.spec
    serving, routing = spec.serving, spec.routing
    if backend is not None:
        serving = serving.model_copy(update={"backend": backend})
    if router is not None:
        routing = routing.model_copy(update={"provider": router})
    spec = spec.model_copy(update={"serving": serving, "routing": routing})
    return rollout.model_copy(update={"spec": spec})


def _users_before(
    rollout: ModelRollout, source: Path | None, before: Mapping[str, ModelRollout]
) -> ModelSpec | None:
    if source is None:
        return rollout.status.stable
    if rollout.key not in before:
        found = ", ".join(before)
        raise InvalidInput(f"{source} has no rollout {rollout.key}; it has {found}.")
    return before[rollout.key].spec.model


def _chosen(rollout: ModelRollout, stable: ModelSpec | None, stage: str) -> Sequence[Stage]:
    if stage == "all":
        return stages(rollout, stable)
    return [chosen_stage(rollout, stable, stage)]


def _document(
    rollout: ModelRollout, stage: Stage, manifests: list[Manifest], form: str, several: bool
) -> str:
    if form == "json":
        return _json(manifests)
    title = f"---\n# {rollout.key} at {stage.name}\n" if several else ""
    return title + to_yaml(manifests)


def _json(manifests: list[Manifest]) -> str:
    document = {"apiVersion": "v1", "kind": "List", "items": manifests}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write(folder: Path, manifests: list[Manifest], form: str) -> None:
    kinds: dict[str, list[Manifest]] = {}
    for each in manifests:
        kinds.setdefault(each["kind"].lower(), []).append(each)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, those in kinds.items():
            text = _json(those) if form == "json" else to_yaml(those)
            (folder / f"{kind}.{form}").write_text(text, encoding="utf-8")
    except OSError as error:
        raise Conflict(f"{folder} cannot be written: {error.strerror or error}.") from error
