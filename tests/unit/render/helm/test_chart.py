"""The files of a chart. What Helm makes of them is asked of Helm, in tests/cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.api import load_rollout
from headrace.errors import InvalidRollout
from headrace.render.helm import Chart, chart
from headrace.render.stages import stages
from tests.unit.render.rollouts import ROUTED, built, model

EXAMPLE = Path(__file__).parents[4] / "manifests" / "examples" / "canary-gateway"


SHOWN = ("shadow:100", "canary:25", "promoted")


def templates(files: Chart) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.startswith("templates/")}


def values(files: Chart) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files["values.yaml"])
    return found


@pytest.fixture(scope="module")
def canary() -> dict[str, Chart]:
    rollout = load_rollout(EXAMPLE / "rollout.yaml")
    found = stages(rollout, load_rollout(EXAMPLE / "before.yaml").spec.model)
    return {stage.name: chart(rollout, stage.plan) for stage in found if stage.name in SHOWN}


def test_a_chart_has_what_helm_looks_for(canary: dict[str, Chart]) -> None:
    files = canary["canary:25"]
    assert list(files)[:5] == [
        "Chart.yaml",
        "values.yaml",
        "values.schema.json",
        ".helmignore",
        "templates/_names.tpl",
    ]
    about = yaml.safe_load(files["Chart.yaml"])
    assert (about["apiVersion"], about["name"], about["appVersion"]) == ("v2", "flight-delay", "6")


def test_stages_of_a_rollout_differ_in_values_only(canary: dict[str, Chart]) -> None:
    assert len({json.dumps(templates(files)) for files in canary.values()}) == 1
    assert len({files["values.schema.json"] for files in canary.values()}) == 1


def test_values_say_who_has_the_users_and_who_is_tried(canary: dict[str, Chart]) -> None:
    found = values(canary["canary:25"])
    assert found["model"]["version"] == "6"
    candidate = {key: found["candidate"][key] for key in ("enabled", "version", "weight", "mirror")}
    assert candidate == {"enabled": True, "version": "7", "weight": 25, "mirror": 0}
    assert values(canary["shadow:100"])["candidate"]["mirror"] == 100
    assert values(canary["promoted"])["model"]["version"] == "7"
    assert values(canary["promoted"])["candidate"]["enabled"] is False


def test_values_have_the_names_of_seldons_chart_where_they_mean_the_same(
    canary: dict[str, Chart],
) -> None:
    found = values(canary["promoted"])
    assert {"image", "resources", "envSecretRefName"} <= set(found["model"])
    assert found["model"]["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}
    assert found["replicas"] == 2
    assert set(found["hpa"]) == {"enabled", "minReplicas", "maxReplicas", "metrics"}


def test_every_value_has_a_comment_and_a_schema_that_refuses_others(
    canary: dict[str, Chart],
) -> None:
    files = canary["canary:25"]
    schema = json.loads(files["values.schema.json"])
    lines = files["values.yaml"].splitlines()
    for name, value in values(files).items():
        part = schema["properties"][name]
        assert part["description"]
        if "properties" in part:
            assert part["additionalProperties"] is False
            assert set(part["properties"]) == set(value)
            assert all("description" in field for field in part["properties"].values())
        assert lines[lines.index(next(x for x in lines if x.startswith(f"{name}:"))) - 1][0] == "#"


@pytest.mark.parametrize(("backend", "router"), ROUTED)
def test_no_mark_is_left_and_every_block_is_closed(backend: str, router: str) -> None:
    monitoring = {"provider": "PrometheusOperator", "dashboard": True}
    rollout = built("canary", backend, router, monitoring=monitoring)
    (stage,) = (each for each in stages(rollout, model("6")) if each.name == "canary:1")
    for path, text in templates(chart(rollout, stage.plan)).items():
        assert "==" not in text, path
        opened = re.findall(r"\{\{-? *(?:if|with|define|range)\b", text)
        assert len(opened) == len(re.findall(r"\{\{-? *end\b", text)), path
        assert "CHART" not in text


def test_alerts_about_a_controller_are_not_for_those_who_have_none(
    canary: dict[str, Chart],
) -> None:
    assert "templates/podmonitor.yaml" in canary["promoted"]
    assert "templates/prometheusrule.yaml" not in canary["promoted"]


def test_a_secret_is_named_and_never_held(canary: dict[str, Chart]) -> None:
    assert "kind: Secret\n" not in "".join(canary["promoted"].values())


@pytest.mark.parametrize(
    ("strategy", "more", "stage", "said"),
    [
        ("abTest", {"challengers": [model("8").model_dump()]}, "paused", "one candidate"),
        ("blueGreen", {}, "kept", "keeps a version without traffic"),
        (
            "canary",
            {"serving": {"template": {"jinja": "kind: Service\nmetadata: {}\n"}}},
            "promoted",
            "makes text of a version",
        ),
    ],
    ids=["several candidates", "a version that is kept", "a text of the user's"],
)
def test_what_a_chart_has_no_values_for_is_refused(
    strategy: str, more: dict[str, Any], stage: str, said: str
) -> None:
    rollout = built(strategy, **more)
    plan = {each.name: each.plan for each in stages(rollout, model("6"))}[stage]
    with pytest.raises(InvalidRollout, match=said):
        chart(rollout, plan)
