from __future__ import annotations

import pytest

from headrace.api import Traffic
from headrace.engine.plan import Plan
from headrace.render.comparison import comparison
from headrace.serving.rings import Rings
from tests.unit.render.rollouts import built, model

OLD, NEW = model("6"), model("7")


def test_answers_are_compared_while_there_are_copies() -> None:
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100, mirror=5))
    old, new, comparator = comparison(built(), plan)
    arguments = comparator["spec"]["template"]["spec"]["containers"][0]["args"]
    for option, rings in (("--stable", old), ("--candidate", new)):
        url = arguments[arguments.index(option) + 1]
        assert url == f"http://{rings['metadata']['name']}.models.svc:6100"
        assert Rings("stable", url)
    assert old["spec"]["selector"] != new["spec"]["selector"]


@pytest.mark.parametrize(
    "plan",
    [
        Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=95, candidate=5)),
        Plan(stable=OLD, candidate=None, traffic=Traffic(stable=100)),
    ],
    ids=["live traffic only", "no candidate"],
)
def test_without_copies_there_is_nothing_to_compare(plan: Plan) -> None:
    assert comparison(built(), plan) == []


@pytest.mark.parametrize("backend", ["Kubernetes", "Seldon"])
def test_requests_never_reach_what_compares(backend: str) -> None:
    rollout = built(backend=backend)
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100, mirror=5))
    old, new, comparator = comparison(rollout, plan)
    labels = comparator["spec"]["template"]["metadata"]["labels"]
    for service in (old, new):
        assert not service["spec"]["selector"].items() <= labels.items()
