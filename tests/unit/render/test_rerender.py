"""A step renders the router's objects alone; what else may change renders everything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.api import ModelRollout, Stickiness, Traffic
from headrace.engine.plan import Plan
from headrace.render.rendering import rerender
from tests.unit.render.rollouts import TEMPLATES, built, model

FIVE = Plan(model("6"), model("7"), Traffic(stable=95, candidate=5))
NEXT = replace(FIVE, traffic=Traffic(stable=90, candidate=10))


@pytest.mark.parametrize(
    ("router", "kinds"),
    [
        ("GatewayAPI", ["HTTPRoute"]),
        ("Istio", ["DestinationRule", "DestinationRule", "Service", "VirtualService"]),
    ],
)
def test_a_step_renders_the_routers_objects(router: str, kinds: list[str]) -> None:
    changed = rerender(built(router=router), FIVE, NEXT)
    assert changed is not None
    assert [each["kind"] for each in changed] == kinds


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(replace(NEXT, retreating=True), id="a retreat"),
        pytest.param(replace(NEXT, sticky=Stickiness()), id="users stay from now on"),
        pytest.param(replace(NEXT, traffic=Traffic(candidate=100)), id="the last step"),
    ],
)
def test_only_users_move_in(plan: Plan) -> None:
    assert rerender(built(), FIVE, plan) is not None


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(replace(NEXT, candidate=None), id="a version goes"),
        pytest.param(replace(NEXT, candidate=model("8")), id="another version comes"),
        pytest.param(replace(NEXT, previous=model("5")), id="one is kept running"),
        pytest.param(replace(NEXT, challengers=(model("8"),)), id="there is one more"),
        pytest.param(
            replace(NEXT, traffic=Traffic(stable=100, mirror=10)), id="copies are compared"
        ),
        pytest.param(replace(NEXT, traffic=Traffic()), id="nobody answers"),
    ],
)
def test_more_changes_where(plan: Plan) -> None:
    assert rerender(built(), FIVE, plan) is None
    assert rerender(built(), plan, FIVE) is None


@pytest.mark.parametrize(
    "rollout",
    [
        pytest.param(built(backend="Seldon", router="Seldon"), id="servers and router are one"),
        pytest.param(built(serving={"template": TEMPLATES[0]}), id="people change every object"),
    ],
)
def test_everything_may_change_where(rollout: ModelRollout) -> None:
    assert rerender(rollout, FIVE, NEXT) is None
