"""What a model server is told by its environment."""

from __future__ import annotations

import pytest

from headrace.api import Strategy, Traffic
from headrace.engine.plan import Plan
from headrace.render.rendering import render
from tests.unit.render.rollouts import built, model


def environments(rule: dict[str, str]) -> list[dict[str, str]]:
    """Give those of the model servers of both versions of an A/B test."""
    rollout, strategy = built("abTest"), Strategy.model_validate({"abTest": rule})
    spec = rollout.spec.model_copy(update={"strategy": strategy})
    plan = Plan(stable=model("6"), candidate=model("7"), traffic=Traffic(stable=50, candidate=50))
    containers = [
        container
        for manifest in render(rollout.model_copy(update={"spec": spec}), plan)
        if manifest["kind"] == "Deployment"
        for container in manifest["spec"]["template"]["spec"]["containers"]
        if container["name"] == "model"
    ]
    return [{each["name"]: each["value"] for each in one["env"]} for one in containers]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [({"goal": "reward"}, None), ({"goal": "reward", "segments": "country"}, "country")],
    ids=["not asked for", "asked for"],
)
def test_every_version_counts_by_the_segments_of_the_spec(
    rule: dict[str, str], expected: str | None
) -> None:
    found = environments(rule)
    assert len(found) == 2
    assert [each.get("HEADRACE_SEGMENTS") for each in found] == [expected, expected]
