"""Who takes the users, read from what was rendered and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headrace.api import ModelSpec, Traffic
from headrace.engine.observations import Serving
from headrace.engine.plan import Plan
from headrace.render.names import rollout_name
from headrace.render.rendering import render
from headrace.runtime.kubernetes.kinds import HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE, kind_of
from headrace.runtime.kubernetes.routes import RouteState
from headrace.runtime.kubernetes.seen import see
from headrace.runtime.kubernetes.serving import SERVERS, serving_of
from headrace.runtime.kubernetes.world import carrying, route_of
from tests.unit.render.rollouts import built, model

STABLE, CANDIDATE = model("6"), model("7")
ALL = Traffic(stable=100)
ROUTERS = [
    ("Kubernetes", "GatewayAPI"),
    ("Kubernetes", "Istio"),
    ("Kubernetes", "None"),
    ("Seldon", "GatewayAPI"),
    ("Seldon", "Istio"),
    ("Seldon", "Seldon"),
]


def found(plan: Plan, **fields: Any) -> list[tuple[str, int, ModelSpec | None]]:
    rollout = built(**fields)
    things = render(rollout, plan)
    route = route_of(rollout, [see(kind_of(thing), thing) for thing in things])
    assert route is not None
    servers = [(kind_of(t), t) for t in things if kind_of(t) in SERVERS]
    serving = serving_of(rollout, route, servers)
    return [(each.name, each.weight, each.model) for each in serving]


@pytest.mark.parametrize(("backend", "provider"), ROUTERS)
def test_all_users_are_with_one_version(backend: str, provider: str) -> None:
    alone = Plan(STABLE, None, Traffic(stable=100))
    ((_, weight, serves),) = found(alone, backend=backend, router=provider)
    assert (weight, serves) == (100, STABLE)


@pytest.mark.parametrize(("backend", "provider"), [r for r in ROUTERS if r[1] != "None"])
@pytest.mark.parametrize("share", [5, 50, 95, 100])
def test_several_versions_share_the_users(backend: str, provider: str, share: int) -> None:
    plan = Plan(STABLE, CANDIDATE, Traffic(stable=100 - share, candidate=share))
    shares = {each: weight for _, weight, each in found(plan, backend=backend, router=provider)}
    expected = {STABLE: 100 - share, CANDIDATE: share}
    assert shares == {each: weight for each, weight in expected.items() if weight}


@pytest.mark.parametrize(("backend", "provider"), [r for r in ROUTERS if r[1] != "None"])
def test_copies_are_no_users(backend: str, provider: str) -> None:
    plan = Plan(STABLE, CANDIDATE, Traffic(stable=100, mirror=50))
    assert [each[1:] for each in found(plan, backend=backend, router=provider)] == [(100, STABLE)]


@pytest.mark.parametrize(("backend", "provider"), ROUTERS)
@pytest.mark.parametrize("now", ["GatewayAPI", "Istio", "Seldon", "None"])
def test_users_are_found_behind_the_router_that_the_spec_named_before(
    backend: str, provider: str, now: str
) -> None:
    things = render(built(backend=backend, router=provider), Plan(STABLE, None, ALL))
    rollout = built(backend=backend, router=now)
    route = carrying(rollout, [see(kind_of(thing), thing) for thing in things])
    assert route is not None
    (serving,) = serving_of(
        rollout, route, [(kind_of(t), t) for t in things if kind_of(t) in SERVERS]
    )
    assert (serving.weight, serving.model) == (100, STABLE)


def test_a_route_that_gives_users_to_nobody_is_passed_over() -> None:
    rollout = built(router="GatewayAPI")
    idle = RouteState({"flight-delay-6": 0})
    seen = see(SERVICE, {"metadata": {"name": rollout_name(rollout)}})
    istio = replace(seen, kind=VIRTUAL_SERVICE, reading=RouteState({"flight-delay-6": 100}))
    here = replace(seen, kind=HTTP_ROUTE, reading=idle)
    assert carrying(rollout, [here, istio]) == istio.reading
    assert carrying(rollout, [here]) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"uri": "pvc://models/a/7"},
        {"uri": "pvc://models"},
        {"uri": "file:///claim/a"},
        {"uri": "https://a.example/b?c=--digest", "handler": "flights.server.Flights"},
        {"version": "2026.11_rc-1", "name": "flights-2"},
    ],
    ids=str,
)
def test_every_field_of_a_version_is_read_back(changed: dict[str, str]) -> None:
    given = ModelSpec.model_validate({**STABLE.model_dump(), **changed})
    ((_, _, serves),) = found(Plan(given, None, Traffic(stable=100)))
    assert serves == given


def changed(thing: dict[str, Any], part: str) -> dict[str, Any]:
    pod = thing["spec"]["template"]["spec"]
    if part == "args":
        pod["initContainers"][0]["args"][1] = f"sha256:{'e' * 64}"
    elif part == "containers":
        pod["initContainers"] = []
    else:
        thing["spec"]["template"]["metadata"]["labels"]["headrace.dev/version"] = "no version/"
    return thing


@pytest.mark.parametrize("part", ["args", "containers", "labels"])
def test_what_somebody_has_changed_is_no_version_that_can_be_told(part: str) -> None:
    rollout = built()
    (made,) = (
        t for t in render(rollout, Plan(STABLE, None, Traffic(stable=100)))
        if t["kind"] == "Deployment"
    )  # fmt: skip
    kind = kind_of(made)
    route = RouteState({made["metadata"]["name"]: 100})
    assert serving_of(rollout, route, [(kind, made)])[0].model == STABLE
    (serving,) = serving_of(rollout, route, [(kind, changed(made, part))])
    assert serving == Serving(made["metadata"]["name"], 100)


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ({"a": 1, "b": 1}, [50, 50]),
        ({"a": 1, "b": 999}, [99, 1]),
        ({"a": 1, "b": 1, "c": 1}, [34, 33, 33]),
        ({"a": 0}, []),
    ],
    ids=str,
)
def test_weights_of_any_sum_are_shares_of_a_hundred(
    weights: dict[str, int], shares: list[int]
) -> None:
    assert [s.weight for s in serving_of(built(), RouteState(weights), [])] == shares


@pytest.mark.parametrize("thing", [{}, {"spec": None}, {"spec": {"template": {"spec": [1]}}}])
def test_an_object_of_any_shape_can_be_read(thing: dict[str, Any]) -> None:
    for kind in SERVERS:
        serving_of(built(), RouteState({"a": 1}), [(kind, thing)])
