"""A rollout made of marks, and what Helm computes in their places.

A mark is a value that no rollout can have, so that it is found again in manifests. Names and
digests that the renderers make of marks are marks as well: `names.tpl` computes them the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api import Autoscaling, ModelRollout, ModelSpec, Status, Traffic
from headrace.api.model import Gateway, Resources
from headrace.engine.answer import plan_of
from headrace.engine.plan import Plan
from headrace.render import names
from headrace.render.helm import questions as ask
from headrace.render.helm.nodes import Expression, Node, Number, Spread, Whole, text
from headrace.render.helm.questions import Answers
from headrace.render.kubernetes import scaling_metrics
from headrace.render.manifest import Manifest
from headrace.render.pods import resources_of

# So long that its forms cut to 63, 40 and 32 characters all differ.
_RELEASE = "==the-name-of-the-release-that-helm-installs=="
_FENCE = "=="
"""In every mark and in what has one among other text; a digest of marks stands alone."""

_MIRROR = 29


class Slot(int):
    """A number that remembers what Helm computes in its place; in a text it is a mark.

    Attributes:
        expression: What is written for it.
    """

    expression: Expression

    def __new__(cls, value: int, expression: Expression) -> Slot:
        """Make one that counts as `value` where code compares numbers."""
        slot = super().__new__(cls, value)
        slot.expression = expression
        return slot

    def __format__(self, _: str) -> str:
        """Give the mark."""
        return f"=={self.expression.code}=="


@dataclass(frozen=True, slots=True)
class Marked:
    """A rollout and a plan under some answers, and what their marks stand for.

    Attributes:
        rollout: Of the right shape, but its texts are marks and its numbers slots.
        plan: Of its versions.
        marks: What is computed in the place of a text.
        wholes: Mappings and lists that values give as a whole, by what stands for them.
    """

    rollout: ModelRollout
    plan: Plan
    marks: Mapping[str, Expression]
    wholes: tuple[tuple[Node, Expression], ...]

    def nodes(self, manifests: list[Manifest]) -> list[Node]:
        """Put expressions where marks stand."""
        longest_first = sorted(self.marks, key=len, reverse=True)
        pattern = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        return [_with_more(self._node(each, pattern)) for each in manifests]

    def _node(self, value: Any, pattern: re.Pattern[str]) -> Node:
        if isinstance(value, str):
            if _FENCE not in value and value not in self.marks:
                return value
            # Every second part of a split by a group is what the group matched.
            parts = [
                self.marks[part] if index % 2 else part
                for index, part in enumerate(pattern.split(value))
            ]
            return text(parts)
        if isinstance(value, Slot):
            return Number(value.expression)
        if isinstance(value, float) and value == _MIRROR:
            return Number(Expression('printf "%.1f" (float64 .Values.candidate.mirror)'))
        if not isinstance(value, dict | list):
            return value
        for whole, expression in self.wholes:
            if value == whole:
                return Whole(expression)
        if isinstance(value, dict):
            return {self._node(k, pattern): self._node(v, pattern) for k, v in value.items()}
        return [self._node(each, pattern) for each in value]


def marked(rollout: ModelRollout, answers: Answers, chart: str) -> Marked:
    """Make the marked rollout.

    Args:
        rollout: Gives what no value decides.
        answers: To what values decide about the shape.
        chart: Its name, which the names of its helpers begin with.
    """
    marks = _global_marks()
    stable = _version(marks, "model", claim=answers[ask.CLAIM])
    candidate = None
    if answers[ask.CANDIDATE]:
        candidate = _version(marks, "candidate", claim=answers[ask.CANDIDATE_CLAIM])
    changed = _rollout(rollout, stable, answers)
    traffic = _traffic(answers)
    plan = plan_of(changed.spec, Status(stable=stable, candidate=candidate), traffic)
    marks |= _names(changed, plan, chart)
    numbers = (traffic.stable, traffic.candidate)
    marks |= {f"{slot}": slot.expression for slot in numbers if isinstance(slot, Slot)}
    return Marked(changed, plan, marks, _wholes(changed))


def _global_marks() -> dict[str, Expression]:
    values = ".Values.routing.gateway"
    return {
        _RELEASE: Expression(".Release.Name"),
        "==namespace==": Expression(".Release.Namespace"),
        "==model==": Expression(".Values.model.name"),
        "==image==": Expression(".Values.model.image"),
        "==secret==": Expression(".Values.model.envSecretRefName"),
        "==account==": Expression(".Values.serviceAccount.name"),
        "==gateway==": Expression(f"{values}.name"),
        "==gateway-space==": Expression(f"{values}.namespace | default .Release.Namespace"),
    }


def _version(marks: dict[str, Expression], arm: str, *, claim: bool) -> ModelSpec:
    values = f".Values.{arm}"
    version = f"=={arm}.version=="
    marks[version] = Expression(f"{values}.version")
    # As a cookie's pattern has it, where a dot means itself.
    marks[version.replace(".", "[.]")] = Expression(f'{values}.version | replace "." "[.]"')
    marks[f"=={arm}.digest=="] = Expression(f"{values}.digest")
    marks[f"=={arm}.handler=="] = Expression(f"{values}.handler")
    uri = f"=={arm}.uri=="
    marks[uri] = Expression(f"{values}.uri")
    if claim:
        uri = f"pvc://=={arm}.claim==/=={arm}.path=="
        marks[f"=={arm}.claim=="] = _part_of(values, "^pvc://([^/?#]*).*$")
        marks[f"/=={arm}.path=="] = _part_of(values, "^pvc://[^/?#]*([^?#]*).*$")
    return ModelSpec.model_construct(
        name="==model==",
        version=version,
        uri=uri,
        digest=f"=={arm}.digest==",
        handler=f"=={arm}.handler==",
    )


def _part_of(values: str, pattern: str) -> Expression:
    return Expression(f'regexReplaceAll "{pattern}" {values}.uri "${{1}}"')


def _rollout(rollout: ModelRollout, stable: ModelSpec, answers: Answers) -> ModelRollout:
    spec = rollout.spec
    replicas = ".Values.hpa.minReplicas" if answers[ask.HPA] else ".Values.replicas"
    scaling = Autoscaling.model_construct(max_replicas=_slot(".Values.hpa.maxReplicas"), cpu=1)
    serving = spec.serving.model_copy(
        update={
            "replicas": _slot(replicas),
            "autoscaling": scaling if answers[ask.HPA] else None,
            "resources": Resources(requests={"==resources==": "1"}),
            "image": "==image==",
            "service_account": "==account==" if answers[ask.ACCOUNT] else "",
            "storage_secret": "==secret==" if answers[ask.SECRET] else "",
        }
    )
    hosts = ["==hosts=="] if answers.get(ask.HOSTS, True) else []
    routing = spec.routing.model_copy(update={"hostnames": hosts})
    if routing.gateway is not None:
        gateway = Gateway.model_construct(name="==gateway==", namespace="==gateway-space==")
        routing = routing.model_copy(update={"gateway": gateway})
    metadata = {"name": _RELEASE, "namespace": "==namespace=="}
    changes = {"model": stable, "challengers": [], "serving": serving, "routing": routing}
    return rollout.model_copy(
        update={
            "metadata": rollout.metadata.model_copy(update=metadata),
            "spec": spec.model_copy(update=changes),
        }
    )


def _slot(value: str) -> Slot:
    return Slot(1, Expression(f"int {value}"))


def _traffic(answers: Answers) -> Traffic:
    if not answers[ask.CANDIDATE]:
        return Traffic(stable=100)
    if answers[ask.MIRRORED]:
        return _weights(0, _MIRROR)
    if not answers.get(ask.ANSWERS, True):
        return _weights(0)
    if not answers.get(ask.SHARES, True):
        return _weights(100)
    return _weights(75 if answers.get(ask.LEADS) else 25)


def _weights(candidate: int, mirror: int = 0) -> Traffic:
    return Traffic.model_construct(
        stable=Slot(100 - candidate, ask.REST),
        candidate=Slot(candidate, ask.WEIGHT),
        mirror=Slot(mirror, ask.MIRROR),
    )


def _names(rollout: ModelRollout, plan: Plan, chart: str) -> dict[str, Expression]:
    """Give what the renderers name things, and the helper that gives the same name."""
    whole = names.rollout_name(rollout)
    found = {
        whole: Expression(f'include "{chart}.rollout" .'),
        whole[:40]: Expression(f'include "{chart}.rollout" . | trunc 40'),
        names.seldon_name(rollout): Expression(f'include "{chart}.seldon" .'),
    }
    for model, arm in ((plan.stable, "model"), (plan.candidate, "candidate")):
        if model is None:
            continue
        for name, helper in (
            (names.revision(model), "revision"),
            (names.version_name(rollout, model), "version"),
            (names.predictor_name(model), "predictor"),
            (names.rings_name(rollout, model), "rings"),
        ):
            found[name] = Expression(f'include "{chart}.{helper}" (list . "{arm}")')
    if plan.stable is not None and plan.candidate is not None:
        comparator = names.comparator_name(rollout, plan.stable, plan.candidate)
        found[comparator] = Expression(f'include "{chart}.comparator" .')
        revision = comparator.rsplit("-", 1)[1]
        found[revision] = Expression(f'include "{chart}.comparator" . | splitList "-" | last')
    return found


def _with_more(manifest: dict[str, Node]) -> Node:
    """Add the labels and annotations that values have for all objects."""
    metadata = manifest["metadata"]
    labels, annotations = Expression(".Values.labels"), Expression(".Values.annotations")
    metadata = {**metadata, "labels": {**metadata["labels"], Spread(labels): True}}
    if "annotations" in metadata:
        metadata["annotations"] = {**metadata["annotations"], Spread(annotations): True}
    else:
        metadata["annotations"] = Whole(annotations)
    return {**manifest, "metadata": metadata}


def _wholes(rollout: ModelRollout) -> tuple[tuple[Node, Expression], ...]:
    metrics = scaling_metrics(rollout)
    return (
        (resources_of(rollout), Expression(".Values.model.resources")),
        *(((metrics, Expression(".Values.hpa.metrics")),) if metrics else ()),
        (["==hosts=="], Expression(".Values.routing.hostnames")),
    )
