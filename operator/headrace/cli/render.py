"""`headrace render`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from headrace.api import ModelRollout, ModelSpec
from headrace.cli.written import unwritable, write_text
from headrace.engine.plan import Plan
from headrace.errors import InvalidInput
from headrace.lint.rollouts import read_rollouts
from headrace.render.manifest import Manifest
from headrace.render.rendering import render as render_plan
from headrace.render.stages import Stage, chosen_stage, stages
from headrace.render.yaml_text import to_yaml


@click.command()
@click.argument("rollouts", nargs=-1, required=True, metavar="ROLLOUT.yaml...")
@click.option(
    "--backend", type=click.Choice(["Kubernetes", "Seldon"]), help="In place of the spec's."
)
@click.option(
    "--router",
    type=click.Choice(["GatewayAPI", "Istio", "Seldon", "None"]),
    help="In place of the spec's.",
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
    "--format",
    "form",
    type=click.Choice(["yaml", "json", "helm"]),
    default="yaml",
    show_default=True,
    help="helm writes a chart whose default values are the stage.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder: a file per kind, or the chart.",
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
      headrace render rollout.yaml --format helm -o chart/
    """
    if form == "helm" and (output is None or stage == "all"):
        raise InvalidInput("A chart is a folder, and is of one stage: give -o, and no --stage all.")
    before = {} if stable is None else {one.key: one for one in read_rollouts([str(stable)])}
    found = [_changed(one, backend, router) for one in read_rollouts(rollouts)]
    chosen = [
        (rollout, each)
        for rollout in found
        for each in _chosen(rollout, _users_before(rollout, stable, before), stage)
    ]
    if output is None:
        documents = [(one, each, render_plan(one, each.plan)) for one, each in chosen]
        for document in documents:
            click.echo(_document(*document, form, several=len(documents) > 1), nl=False)
        return
    written: dict[Path, str] = {}
    for rollout, each in chosen:
        folder = output
        if len(found) > 1:
            folder /= f"{rollout.metadata.namespace}-{rollout.metadata.name}"
        if stage == "all":
            folder /= each.name.replace(":", "-")
        files = _files(rollout, each.plan, form)
        written |= {folder / name: text for name, text in files.items()}
    _write(written, form)


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
    rollout: ModelRollout,
    stage: Stage,
    manifests: list[Manifest],
    form: str,
    *,
    several: bool,
) -> str:
    if form == "json":
        return _json(manifests)
    title = f"---\n# {rollout.key} at {stage.name}\n" if several else ""
    return title + to_yaml(manifests)


def _json(manifests: list[Manifest]) -> str:
    document = {"apiVersion": "v1", "kind": "List", "items": manifests}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _files(rollout: ModelRollout, plan: Plan, form: str) -> Mapping[str, str]:
    """Give the text of each file of a folder, by its name."""
    if form == "helm":
        from headrace.render.helm import chart

        return chart(rollout, plan)
    kinds: dict[str, list[Manifest]] = {}
    for each in render_plan(rollout, plan):
        kinds.setdefault(each["kind"].lower(), []).append(each)
    written = _json if form == "json" else to_yaml
    return {f"{kind}.{form}": written(those) for kind, those in kinds.items()}


def _write(files: Mapping[Path, str], form: str) -> None:
    for path, text in files.items():
        write_text(path, text)
    if form == "helm":
        for folder in {path.parent for path in files if path.parent.name == "templates"}:
            _remove_older(folder, files)


def _remove_older(folder: Path, files: Mapping[Path, str]) -> None:
    """Remove templates of an earlier run, as of another router; a person's own stay."""
    from headrace.render.helm import WRITTEN

    for path in set(folder.glob("*.yaml")) - set(files):
        try:
            with path.open("rb") as file:
                ours = file.readline() == WRITTEN.encode()
            if ours:
                path.unlink()
        except OSError as error:
            raise unwritable(path, error) from error
