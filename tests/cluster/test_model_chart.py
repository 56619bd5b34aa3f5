"""A chart that is written of a rollout is, to Helm, what Headrace renders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from headrace.api import ModelRollout, ModelSpec, load_rollout
from headrace.errors import InvalidRollout
from headrace.render.helm import chart, values_file
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import Stage, stages
from tests.cluster.charts import ROOT, complaints, ordered, refusal, templated, written
from tests.unit.render.rollouts import rollouts

EXAMPLES = sorted(
    path.parent
    for path in (ROOT / "manifests/examples").glob("*/rollout.yaml")
    if "jinja" not in path.parent.name
)


def fitting(rollout: ModelRollout, stable: ModelSpec) -> list[tuple[Stage, str]]:
    """Give the values of all stages that a chart has values for."""
    found = []
    for stage in stages(rollout, stable):
        try:
            found.append((stage, values_file(rollout, stage.plan)))
        except InvalidRollout:
            template = rollout.spec.serving.template
            of_a_text = template is not None and template.jinja is not None
            assert stage.plan.challengers or stage.plan.previous or of_a_text
    return found


def same(rollout: ModelRollout, stages: list[tuple[Stage, str]], folder: Path) -> None:
    """Hold that one chart is, with the values of each stage, what Headrace renders."""
    chart_folder = written(chart(rollout, stages[0][0].plan), folder / "chart")
    assert complaints(chart_folder) == ""
    for number, (stage, text) in enumerate(stages):
        values = folder / f"{number}.yaml"
        values.write_text(text, encoding="utf-8")
        assert shown(rollout, chart_folder, "--values", values) == plain(rollout, stage)


def plain(rollout: ModelRollout, stage: Stage) -> list[Manifest]:
    found = render(rollout, stage.plan)
    return ordered(each for each in found if each["kind"] != "PrometheusRule")


def shown(rollout: ModelRollout, folder: Path, *arguments: str | Path) -> list[Manifest]:
    where = rollout.metadata
    return templated(where.name, folder, "--namespace", where.namespace, *arguments)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_chart_of_a_rollout_is_what_headrace_renders(example: Path, tmp_path: Path) -> None:
    rollout = load_rollout(example / "rollout.yaml")
    found = fitting(rollout, load_rollout(example / "before.yaml").spec.model)
    assert len(found) >= 4
    same(rollout, found, tmp_path)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(rollouts())
def test_a_chart_of_any_rollout_is_what_headrace_renders(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[ModelRollout, ModelSpec]
) -> None:
    rollout, stable = drawn
    found = fitting(rollout, stable)[1:6:2]
    assume(found)
    same(rollout, found, tmp_path_factory.mktemp("chart"))


def test_a_chart_at_its_own_values_is_the_stage(canary: Path) -> None:
    example = ROOT / "manifests/examples/canary-gateway"
    rollout = load_rollout(example / "rollout.yaml")
    (first, *_) = stages(rollout, None)
    assert shown(rollout, canary) == plain(rollout, first)


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    example = ROOT / "manifests/examples/canary-gateway"
    rollout = load_rollout(example / "rollout.yaml")
    (first, *_) = stages(rollout, None)
    return written(chart(rollout, first.plan), tmp_path_factory.mktemp("canary"))


def test_labels_and_annotations_of_values_are_on_every_object_but_on_no_pod(canary: Path) -> None:
    given = ("labels.team=ml", "annotations.owner=me", "candidate.enabled=false")
    plain = templated("x", canary)
    found = templated("x", canary, *(part for each in given for part in ("--set", each)))
    for before, after in zip(plain, found, strict=True):
        assert after["metadata"]["labels"].pop("team") == "ml"
        assert after["metadata"]["annotations"].pop("owner") == "me"
        assert after["metadata"].pop("annotations") == before["metadata"].pop("annotations", {})
        assert after == before


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model.versoin=8", "'versoin' not allowed"),
        ("model.digest=latest", "/model/digest"),
        ("model.version=8", "/model/version"),
        ("candidate.enabled=true", "/candidate/version"),
        ("candidate.weight=101", "/candidate/weight"),
        ("replicas=0", "/replicas"),
        ("model.resources=null", "/model"),
        ("model.resources.requests.cpu=null", "/model/resources/requests"),
        ("model.image=", "/model/image"),
    ],
)
def test_helm_refuses_a_bad_value_with_its_path(canary: Path, setting: str, said: str) -> None:
    assert said in refusal(canary, "--set", setting)


def test_a_release_must_be_a_name_that_a_rollout_can_have(canary: Path) -> None:
    assert "is a DNS label" in refusal(canary, name="a.b")


def test_copies_and_a_share_at_once_are_refused(canary: Path) -> None:
    both = "candidate.mirror=50,candidate.weight=5"
    assert "/candidate/weight" in refusal(canary, "--set", both)
