"""The files of a chart: manifests as templates, values with their schema, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, TypeAlias

from headrace import __version__
from headrace.api import ModelRollout, ModelSpec
from headrace.engine.plan import Plan
from headrace.errors import Fault, InvalidRollout
from headrace.render.helm.commented import commented
from headrace.render.helm.marks import marked
from headrace.render.helm.nodes import Choice, Node
from headrace.render.helm.questions import Answers, for_all_answers
from headrace.render.helm.template import template_of
from headrace.render.helm.values import schema_of, values_of
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.seldon import running
from headrace.render.yaml_text import to_yaml

Chart: TypeAlias = Mapping[str, str]
"""The text of each file, by its path in the chart's folder."""

WRITTEN = "{{- /* Written by `headrace render`, which also removes it. */}}\n"
"""The first line of every template of manifests: what has it belongs to no person."""

_KUBERNETES = ">=1.28.0-0"
_IGNORED = "# Not part of the packaged chart.\n.git/\n.gitignore\n*.tgz\n*.swp\n*~\n.DS_Store\n"


def chart(rollout: ModelRollout, plan: Plan) -> Chart:
    """Write a chart that is, at its default values, what a plan is rendered as.

    Alerts are left out: they are about the controller, and a chart is for those who have none.

    Args:
        rollout: Gives what is no value: the backend, the router, and how Prometheus finds pods.
        plan: Gives the default values: the versions, and who gets what.

    Raises:
        InvalidRollout: The plan has versions for which a chart has no place, or cannot be rendered.
    """
    stable = _stable(rollout, plan)
    name = rollout.metadata.name
    render(rollout, plan)  # has its faults said with the rollout's own values
    values = _values(rollout, plan, stable)
    schema = schema_of(values)

    def rendered(answers: Answers) -> list[Node]:
        marks = marked(rollout, answers, name)
        return marks.nodes([each for each in render(marks.rollout, marks.plan) if _shipped(each)])

    return {
        "Chart.yaml": to_yaml([_about(rollout, stable)]),
        "values.yaml": commented(values, schema),
        "values.schema.json": json.dumps(schema, indent=2) + "\n",
        ".helmignore": _IGNORED,
        "templates/_names.tpl": _text("names.tpl", name),
        **_templates(for_all_answers(rollout, rendered)),
        "templates/NOTES.txt": _text("notes.tpl", name),
    }


def values_file(rollout: ModelRollout, plan: Plan) -> str:
    """Write `values.yaml` for a plan; the rest of a chart is the same for all plans of a rollout.

    Raises:
        InvalidRollout: The plan has versions for which a chart has no place.
    """
    values = _values(rollout, plan, _stable(rollout, plan))
    return commented(values, schema_of(values))


def _values(rollout: ModelRollout, plan: Plan, stable: ModelSpec) -> dict[str, Any]:
    candidate = plan.candidate if plan.candidate in running(rollout, plan) else None
    return values_of(rollout, stable, candidate, plan.traffic)


def _shipped(manifest: Manifest) -> bool:
    return bool(manifest["kind"] != "PrometheusRule")


def _stable(rollout: ModelRollout, plan: Plan) -> ModelSpec:
    """Give the stable version of a plan, if a chart can be that plan."""
    faults = []
    if plan.challengers:
        found = f"has {len(plan.challengers)}, and a chart has one candidate"
        faults.append(Fault("spec.challengers", found, "none"))
    if plan.previous is not None or plan.stable is None:
        found = "keeps a version without traffic, for which a chart has no values"
        faults.append(Fault("spec.strategy", found, "another stage, such as promoted"))
    template = rollout.spec.serving.template
    if template is not None and template.jinja is not None:
        found = "makes text of a version, and a chart's values may name any"
        faults.append(Fault("spec.serving.template.jinja", found, "patches, the same for all"))
    names = {model.name for model in plan.versions}
    if len(names) > 1:
        expected = "one model in several versions"
        faults.append(Fault("spec.model.name", f"is one of {', '.join(sorted(names))}", expected))
    if faults or plan.stable is None:
        raise InvalidRollout(rollout.key, faults)
    return plan.stable


def _about(rollout: ModelRollout, stable: ModelSpec) -> dict[str, object]:
    serving, routing = rollout.spec.serving, rollout.spec.routing
    return {
        "apiVersion": "v2",
        "name": rollout.metadata.name,
        "description": f"The model {stable.name} on {serving.backend}, routed by "
        f"{routing.provider}, with a candidate beside it when there is one",
        "type": "application",
        "version": "0.1.0",
        "appVersion": stable.version,
        "kubeVersion": _KUBERNETES,
        "annotations": {"headrace.dev/written-by": f"headrace {__version__}"},
    }


def _templates(manifests: list[Node]) -> Chart:
    kinds: dict[str, list[Node]] = {}
    for each in manifests:
        kinds.setdefault(_kind(each), []).append(each)
    return {
        f"templates/{kind.lower()}.yaml": WRITTEN + template_of(those)
        for kind, those in kinds.items()
    }


def _kind(node: Node) -> str:
    while isinstance(node, Choice):
        node = node.then if isinstance(node.then, dict | Choice) else node.otherwise
    return str(node["kind"])


def _text(file: str, chart_name: str) -> str:
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    handler = ModelSpec.model_fields["handler"].default
    return text.replace("CHART", chart_name).replace("HANDLER", handler)
