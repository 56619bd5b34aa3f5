"""The rules of Seldon's own webhook and operator, which no schema says."""

from __future__ import annotations

from typing import Any

from headrace.api import ModelRollout, Traffic
from headrace.engine.plan import Plan
from headrace.render.names import predictor_name
from headrace.render.rendering import render
from tests.unit.render.rollouts import built, model

OLD, NEW = model("6"), model("7")


def predictors(plan: Plan, router: str = "Seldon", **more: Any) -> list[dict[str, Any]]:
    rollout: ModelRollout = built(backend="Seldon", router=router, **more)
    (found,) = (each for each in render(rollout, plan) if each["kind"] == "SeldonDeployment")
    those: list[dict[str, Any]] = found["spec"]["predictors"]
    return those


def pairs(those: list[dict[str, Any]]) -> list[tuple[str, int, bool]]:
    return [(each["name"], each["traffic"], each.get("shadow", False)) for each in those]


def test_a_mirrored_candidate_is_a_shadow_with_the_share_of_its_copies() -> None:
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100, mirror=30))
    assert pairs(predictors(plan)) == [
        (predictor_name(OLD), 100, False),
        (predictor_name(NEW), 30, True),
    ]


def test_stable_is_first_and_the_previous_version_gets_nothing() -> None:
    plan = Plan(
        stable=OLD, candidate=NEW, traffic=Traffic(stable=75, candidate=25), previous=model("5")
    )
    assert [traffic for _, traffic, _ in pairs(predictors(plan))] == [75, 25, 0]


def test_a_retreat_removes_the_candidate_because_its_weight_might_never_be_taken_away() -> None:
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100), retreating=True)
    assert pairs(predictors(plan)) == [(predictor_name(OLD), 100, False)]


def test_a_retreat_leaves_users_where_they_are_served() -> None:
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(candidate=100), retreating=True)
    assert [traffic for _, traffic, _ in pairs(predictors(plan))] == [0, 100]


def test_a_candidate_that_waits_without_traffic_has_a_predictor() -> None:
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100))
    assert [traffic for _, traffic, _ in pairs(predictors(plan))] == [100, 0]


def test_routes_of_ours_take_the_candidate_away_at_once_and_keep_its_predictor() -> None:
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100, mirror=5), retreating=True)
    assert [shadow for *_, shadow in pairs(predictors(plan, "GatewayAPI"))] == [False, False]


def test_the_version_is_a_label_and_an_annotation() -> None:
    plan = Plan(stable=OLD, candidate=None, traffic=Traffic(stable=100))
    (only,) = predictors(plan)
    assert only["labels"]["version"] == only["annotations"]["version"] == "6"


def test_the_graph_names_the_container_and_what_the_operator_ignores_is_not_there() -> None:
    plan = Plan(stable=OLD, candidate=None, traffic=Traffic(stable=100))
    (only,) = predictors(plan)
    (component,) = only["componentSpecs"]
    assert [each["name"] for each in component["spec"]["containers"]] == [only["graph"]["name"]]
    assert "engineResources" not in only
    assert "pdbSpec" not in component
    assert only["svcOrchSpec"]["resources"]["limits"] == {"memory": "256Mi"}


def test_an_autoscaler_has_the_replicas_to_itself() -> None:
    plan = Plan(stable=OLD, candidate=None, traffic=Traffic(stable=100))
    serving = {
        "backend": "Seldon",
        "autoscaling": {"maxReplicas": 4},
        "resources": {"requests": {"cpu": 1}},
    }
    (only,) = predictors(plan, serving=serving)
    assert "replicas" not in only
    assert only["componentSpecs"][0]["hpaSpec"]["maxReplicas"] == 4
