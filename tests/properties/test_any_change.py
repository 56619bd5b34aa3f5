"""What a change of a rollout changes in its manifests: that and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from headrace.api import ModelRollout, ModelSpec, parse_rollout
from headrace.api.documents import format_path
from headrace.errors import InvalidRollout
from headrace.render.front import WEIGHTS
from headrace.render.manifest import Manifest
from headrace.render.names import (
    comparator_name,
    predictor_name,
    rings_name,
    rollout_name,
    seldon_name,
    service_name,
    version_name,
)
from headrace.render.rendering import render
from headrace.render.stages import stages
from tests.properties.test_any_manifest import by_stage, of_kind, pod_templates
from tests.unit.render.rollouts import ROUTED, built, digests, model, models, names, rollouts

_many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Drawn = tuple[ModelRollout, ModelSpec]
EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"


def named(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


@_many
@given(rollouts())
def test_a_rollback_removes_the_candidates_and_touches_nothing_of_stable(drawn: Drawn) -> None:
    rollout, stable = drawn
    found = by_stage(drawn)
    under_way = [each for name, each in found.items() if ":" in name or name == "ready"]
    after = named(found["rolled-back"])
    kept = pod_templates(found["rolled-back"])
    revisions = {each.version for each in rollout.spec.versions}
    for manifests in under_way:
        before = pod_templates(manifests)
        assert {name: before[name] for name in kept} == kept
        for key, each in after.items():
            if each["metadata"]["labels"].get("headrace.dev/version") == stable.version:
                assert named(manifests)[key] == each
    for each in after.values():
        assert each["metadata"]["labels"].get("headrace.dev/version") not in revisions
    assert len(kept) == 1


@_many
@given(st.sampled_from(ROUTED), st.lists(st.integers(1, 99), min_size=1, max_size=4))
def test_weights_of_any_size_change_no_pod_and_sum_to_a_hundred(
    routed: tuple[str, str], weights: list[int]
) -> None:
    backend, router = routed
    steps = [{"weight": weight, "hold": "1m"} for weight in sorted(set(weights))]
    plain = built(backend=backend, router=router)
    written = plain.model_dump(mode="json", exclude_none=True)
    written["spec"]["strategy"] = {"canary": {"steps": steps}}
    rollout = ModelRollout.model_validate(written)
    expected = {
        name: template
        for stage in stages(plain, model("6"))
        for name, template in pod_templates(render(plain, stage.plan)).items()
    }
    for stage in stages(rollout, model("6")):
        manifests = render(rollout, stage.plan)
        for name, template in pod_templates(manifests).items():
            assert template == expected[name]
        for each in of_kind(manifests, "Service"):
            shares = each["metadata"].get("annotations", {}).get(WEIGHTS)
            if shares:
                assert sum(int(one.split("=")[1]) for one in shares.split(",")) == 100


@_many
@given(rollouts(), st.sampled_from(["interval", "maxDuration", "noDataTimeout"]))
def test_what_is_judged_and_when_changes_no_pod(drawn: Drawn, field: str) -> None:
    rollout, stable = drawn
    written = rollout.model_dump(mode="json", exclude_none=True)
    written["spec"]["analysis"][field] = "7h"
    changed = ModelRollout.model_validate(written)
    before, after = by_stage(drawn), by_stage((changed, stable))
    for name, manifests in before.items():
        assert pod_templates(manifests) == pod_templates(after[name])


SEVERAL = st.lists(st.tuples(names, models("m")), min_size=2, max_size=6, unique=True)


@_many
@given(SEVERAL, st.sampled_from(["Kubernetes", "Seldon"]))
def test_no_two_versions_of_any_rollouts_share_a_name(
    drawn: list[tuple[str, ModelSpec]], backend: str
) -> None:
    """Long names are cut: here many of them begin with the same fifty characters."""
    told: dict[str, tuple[str, ...]] = {}
    for name, one in drawn:
        for long in (name, f"{'a' * (53 - len(name))}{name}"[:53].rstrip("-")):
            rollout = built(backend=backend)
            metadata = rollout.metadata.model_copy(update={"name": long})
            rollout = rollout.model_copy(update={"metadata": metadata})
            own = (long, one.version, one.uri, one.digest)
            for made, key in (
                (version_name(rollout, one), own),
                (service_name(rollout, one), (*own, "service") if backend == "Seldon" else own),
                (rings_name(rollout, one), (*own, "rings")),
                (comparator_name(rollout, model("6"), one), (*own, "comparator")),
                (rollout_name(rollout), (long,)),
                (seldon_name(rollout), (long,) if len(long) <= 32 else (long, "seldon")),
            ):
                assert len(made) <= 63
                assert told.setdefault(made, key) == key
            assert len(f"{seldon_name(rollout)}-{predictor_name(one)}-0-model") <= 63


@_many
@given(rollouts(), st.text("abcXYZ019", min_size=24, max_size=24))
def test_a_secret_is_named_and_never_shown(drawn: Drawn, name: str) -> None:
    rollout, stable = drawn
    secret = f"secret-of-{name.lower()}"
    serving = rollout.spec.serving.model_copy(update={"storage_secret": secret})
    spec = rollout.spec.model_copy(update={"serving": serving})
    for manifests in by_stage((rollout.model_copy(update={"spec": spec}), stable)).values():
        assert of_kind(manifests, "Secret") == []
        said = {path[-2:] for path, value in texts(manifests) if secret in value}
        assert said == ({("secretRef", "name")} if manifests else set())
        # Only what fetches a bundle gets it.
        text = json.dumps(manifests)
        assert text.count(secret) == text.count('"name": "fetch"')
        assert not {"stringData", "data"} & {
            key for each in manifests if each["kind"] != "ConfigMap" for key in each
        }


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Give every text in plain values, with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts(inner, (*path, index))
    elif isinstance(value, str):
        yield path, value


FREE = ("requests", "limits", "labels", "annotations", "metadata", "patches")
"""Mappings whose keys are the user's own, or Kubernetes'."""


def fields(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the path of every field that Headrace knows."""
    if isinstance(value, dict) and not (path and path[-1] in FREE):
        for key, inner in value.items():
            yield (*path, key)
            yield from fields(inner, (*path, key))
    elif isinstance(value, list) and not (path and path[-1] in FREE):
        for index, inner in enumerate(value):
            yield from fields(inner, (*path, index))


DOCUMENTS = [
    yaml.safe_load(path.read_text("utf-8")) for path in sorted(EXAMPLES.glob("*/rollout.yaml"))
]
FIELDS = [(number, path) for number, document in enumerate(DOCUMENTS) for path in fields(document)]


@_many
@given(st.sampled_from(FIELDS), st.integers(0, 30), st.sampled_from(["drop", "twice", "swap"]))
def test_a_slip_of_the_pen_gets_the_field_that_was_meant(
    field: tuple[int, tuple[str | int, ...]], at: int, slip: str
) -> None:
    number, (*parents, key) = field
    assume(isinstance(key, str))
    document = yaml.safe_load(yaml.safe_dump(DOCUMENTS[number]))
    here = document
    for part in parents:
        here = here[part]
    assert isinstance(key, str)
    wrong = slipped(key, at % len(key), slip)
    assume(wrong != key and wrong and wrong not in here)
    here[wrong] = here.pop(key)
    with pytest.raises(InvalidRollout) as caught:
        parse_rollout(yaml.safe_dump(document))
    found = {fault.path: fault for fault in caught.value.faults}
    fault = found[format_path((*parents, wrong))]
    assert fault.problem == "is no field of a ModelRollout"
    assert fault.expected == f"`{key}`"


def slipped(word: str, at: int, slip: str) -> str:
    if slip == "drop":
        return word[:at] + word[at + 1 :]
    if slip == "twice":
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at : at + 2][::-1] + word[at + 2 :]


@_many
@given(digests, digests)
def test_another_bundle_under_the_same_version_gets_pods_of_its_own(one: str, two: str) -> None:
    assume(one != two)
    rollout = built()
    assert version_name(rollout, model("7", digest=one)) != version_name(
        rollout, model("7", digest=two)
    )
