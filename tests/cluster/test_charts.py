"""Helm and kubectl make of the charts and the bases what they should, and refuse bad values.

The programs are looked for as in `api_server`. `--kube-version` is given because a Helm that was
built from source does not know one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from headrace.api import ModelRollout, ModelSpec, load_rollout
from headrace.errors import InvalidRollout
from headrace.render.helm import Chart, chart
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import Stage, stages
from tests.cluster.api_server import _program
from tests.unit.render.rollouts import rollouts

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "manifests/examples").glob("*/rollout.yaml"))


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [_program("helm"), *arguments, "--kube-version", "1.36.0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def templated(*arguments: str) -> list[Manifest]:
    said = helm("template", *arguments)
    assert said.returncode == 0, said.stderr
    return ordered(yaml.load_all(said.stdout, yaml.CSafeLoader))


def ordered(manifests: Iterable[Any]) -> list[Manifest]:
    """Leave out empty documents, and order them: Helm has an order of its own."""
    return sorted(filter(None, manifests), key=lambda m: (m["kind"], m["metadata"]["name"]))


def written(files: Chart, folder: Path) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def fitting(rollout: ModelRollout, stable: ModelSpec) -> list[tuple[Stage, Chart]]:
    """Give the charts of all stages that have one."""
    found = []
    for stage in stages(rollout, stable):
        try:
            found.append((stage, chart(rollout, stage.plan)))
        except InvalidRollout:
            assert stage.plan.challengers or stage.plan.previous
    return found


def plain(rollout: ModelRollout, stage: Stage) -> list[Manifest]:
    found = render(rollout, stage.plan)
    return ordered(each for each in found if each["kind"] != "PrometheusRule")


def shown(rollout: ModelRollout, *arguments: str) -> list[Manifest]:
    where = rollout.metadata
    return templated(where.name, *arguments, "--namespace", where.namespace)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_chart_of_a_rollout_is_what_headrace_renders(example: Path, tmp_path: Path) -> None:
    rollout = load_rollout(example / "rollout.yaml")
    charts = fitting(rollout, load_rollout(example / "before.yaml").spec.model)
    assert len(charts) >= 4
    # One chart, and the values of every stage: the templates are the same for all.
    folder = written(charts[0][1], tmp_path / "chart")
    for stage, files in charts:
        values = tmp_path / f"{stage.name.replace(':', '-')}.yaml"
        values.write_text(files["values.yaml"], encoding="utf-8")
        assert shown(rollout, str(folder), "--values", str(values)) == plain(rollout, stage)
    assert helm("lint", "--strict", str(folder)).returncode == 0


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(rollouts())
def test_a_chart_of_any_rollout_at_its_own_values_is_what_headrace_renders(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[ModelRollout, ModelSpec]
) -> None:
    rollout, stable = drawn
    for stage, files in fitting(rollout, stable)[1:6:2]:
        folder = written(files, tmp_path_factory.mktemp("chart"))
        assert shown(rollout, str(folder)) == plain(rollout, stage)


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    example = ROOT / "manifests/examples/canary-gateway"
    rollout = load_rollout(example / "rollout.yaml")
    (_, files), *_ = fitting(rollout, load_rollout(example / "before.yaml").spec.model)
    return written(files, tmp_path_factory.mktemp("canary"))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model.versoin=8", "'versoin' not allowed"),
        ("model.digest=latest", "/model/digest"),
        ("candidate.enabled=true", "/candidate/version"),
        ("candidate.weight=101", "/candidate/weight"),
        ("replicas=0", "/replicas"),
        ("model.resources=null", "/model"),
        ("model.resources.requests.cpu=null", "/model/resources/requests"),
        ("model.image=", "/model/image"),
    ],
)
def test_helm_refuses_a_bad_value_with_its_path(canary: Path, setting: str, said: str) -> None:
    answer = helm("template", "x", str(canary), "--set", setting)
    assert answer.returncode != 0
    assert said in answer.stderr
