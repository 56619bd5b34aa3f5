"""Why users go back, on the objects of every router and back from there."""

from __future__ import annotations

import pytest

from headrace.api import Traffic
from headrace.engine.plan import Plan, Retreat
from headrace.runtime.kubernetes.kinds import kind_of
from headrace.runtime.kubernetes.pieces import manifests_of, manifests_since
from headrace.runtime.kubernetes.retreats import read_retreat, retreat_text
from headrace.runtime.kubernetes.seen import RETREAT, see
from tests.unit.render.rollouts import ROUTED, model
from tests.unit.runtime.kubernetes.places import Place, routed

TOLD = Retreat("7", 1_700_000_000.25, "RollBack", "ErrorRateWorse", 'it said: "no", 9 % \u00e9')
SPLIT = Plan(model("6"), model("7"), Traffic(stable=95, candidate=5))
BACK = Plan(model("6"), model("7"), Traffic(stable=100), retreating=True, retreat=TOLD)


@pytest.mark.parametrize(("backend", "router"), ROUTED)
def test_the_routers_object_alone_tells_of_it(backend: str, router: str) -> None:
    rollout = routed(backend, router)
    told = {
        each["kind"]: each
        for each in manifests_of(rollout, BACK)
        if RETREAT in each["metadata"]["annotations"]
    }
    kinds = {"GatewayAPI": "HTTPRoute", "Istio": "VirtualService", "None": "Service"}
    ((kind, manifest),) = told.items()
    assert kind == kinds.get(router, "SeldonDeployment")
    assert read_retreat(see(kind_of(manifest), manifest).retreat) == TOLD
    assert not any(
        RETREAT in each["metadata"]["annotations"] for each in manifests_of(rollout, SPLIT)
    )


def test_it_is_a_part_of_what_was_applied() -> None:
    rollout = Place().rollout
    changed = manifests_since(rollout, SPLIT, BACK)
    assert changed is not None
    (route,) = changed
    assert route in manifests_of(rollout, BACK)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "[" * 5000,
        "{}",
        retreat_text(TOLD).replace("RollBack", "Promote"),
        retreat_text(TOLD).replace("1700000000.25", "true"),
        retreat_text(TOLD).replace("1700000000.25", '"soon"'),
        retreat_text(TOLD).replace('"7"', "7"),
        retreat_text(TOLD).replace('"reason"', '"why"'),
    ],
)
def test_what_nobody_of_ours_has_written_so_tells_nothing(text: str) -> None:
    assert read_retreat(text) is None
