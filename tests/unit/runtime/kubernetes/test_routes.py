"""What is read off the objects of routers, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import Traffic
from headrace.engine.plan import Plan
from headrace.render.names import revision, service_name
from headrace.render.rendering import render
from headrace.runtime.kubernetes.kinds import (
    HTTP_ROUTE,
    SELDON_DEPLOYMENT,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from headrace.runtime.kubernetes.routes import RouteState, read_route
from headrace.runtime.kubernetes.seen import place_of, see
from tests.unit.render.rollouts import built, model

STABLE, CANDIDATE = model("6"), model("7")


def rendered(kind: Kind, plan: Plan, **fields: str) -> tuple[RouteState, str, str]:
    """Read what is rendered, and give the Services of both versions."""
    rollout = built(**fields)
    (route,) = (e for e in render(rollout, plan) if e["kind"] == kind.kind)
    state = read_route(kind, route)
    assert state is not None
    return state, service_name(rollout, STABLE), service_name(rollout, CANDIDATE)


@pytest.mark.parametrize(
    ("kind", "backend", "router"),
    [
        (HTTP_ROUTE, "Kubernetes", "GatewayAPI"),
        (VIRTUAL_SERVICE, "Kubernetes", "Istio"),
        (HTTP_ROUTE, "Seldon", "GatewayAPI"),
        (SELDON_DEPLOYMENT, "Seldon", "Seldon"),
    ],
)
@pytest.mark.parametrize("weight", [0, 5, 100])
def test_weights_are_read_as_they_were_rendered(
    kind: Kind, backend: str, router: str, weight: int
) -> None:
    plan = Plan(STABLE, CANDIDATE, Traffic(stable=100 - weight, candidate=weight))
    state, stable, candidate = rendered(kind, plan, backend=backend, router=router)
    shares = {stable: 100 - weight, candidate: weight}
    assert {name: share for name, share in state.weights.items() if share} == {
        name: share for name, share in shares.items() if share
    }
    assert state.services == {stable, candidate}
    assert state.mirror is None


@pytest.mark.parametrize(
    ("kind", "backend", "router"),
    [
        (HTTP_ROUTE, "Kubernetes", "GatewayAPI"),
        (VIRTUAL_SERVICE, "Kubernetes", "Istio"),
        (SELDON_DEPLOYMENT, "Seldon", "Seldon"),
    ],
)
def test_copies_are_read_as_they_were_rendered(kind: Kind, backend: str, router: str) -> None:
    plan = Plan(STABLE, CANDIDATE, Traffic(stable=100, mirror=30))
    state, stable, candidate = rendered(kind, plan, backend=backend, router=router)
    assert state.mirror == (candidate, 30)
    assert state.weights[stable] == 100
    assert not state.weights.get(candidate)


def test_a_service_in_front_leads_to_a_revision() -> None:
    rollout = built(router="None")
    plan = Plan(STABLE, CANDIDATE, Traffic(candidate=100))
    front = next(e for e in render(rollout, plan) if e["metadata"]["name"] == "flight-delay")
    assert read_route(SERVICE, front) == RouteState({revision(CANDIDATE): 100})


def parent(*conditions: tuple[str, str, int], name: str = "models") -> dict[str, Any]:
    return {
        "parentRef": {"name": name, "namespace": "gateways"},
        "conditions": [
            {
                "type": kind,
                "status": status,
                "observedGeneration": generation,
                "reason": "Why",
                "message": "because",
            }
            for kind, status, generation in conditions
        ],
    }


TAKEN: dict[str, tuple[list[dict[str, Any]], bool, str]] = {
    "nobody says anything": ([], False, ""),
    "it is taken over": ([parent(("Accepted", "True", 3), ("ResolvedRefs", "True", 3))], True, ""),
    "the one before it was taken over": ([parent(("Accepted", "True", 2))], False, ""),
    "it is not accepted": ([parent(("Accepted", "False", 3))], False, "Why: because"),
    "a Service is not found": (
        [parent(("Accepted", "True", 3), ("ResolvedRefs", "False", 3))],
        False,
        "Why: because",
    ),
    "only one of two gateways has it": (
        [parent(("Accepted", "True", 3)), parent(("Accepted", "True", 2))],
        False,
        "",
    ),
    "a gateway has said nothing of it yet": ([parent()], False, ""),
    "a gateway that it left has said something once": (
        [parent(("Accepted", "True", 3)), parent(("Accepted", "True", 1), name="old")],
        True,
        "",
    ),
}


@pytest.mark.parametrize(("parents", "taken", "problem"), TAKEN.values(), ids=TAKEN)
def test_a_route_is_taken_over_when(
    parents: list[dict[str, Any]], taken: bool, problem: str
) -> None:
    spec = {"parentRefs": [{"name": "models", "namespace": "gateways"}]}
    route = {"metadata": {"generation": 3}, "spec": spec, "status": {"parents": parents}}
    state = read_route(HTTP_ROUTE, route)
    assert state is not None
    assert (state.taken, state.problem) == (taken, problem)


SELDON: dict[str, tuple[dict[str, str], bool, str]] = {
    "the operator has not seen it": ({}, False, ""),
    "it is made": ({"state": "Creating"}, False, ""),
    "all is ready": ({"state": "Available"}, True, ""),
    "it is refused": ({"state": "Failed", "description": "no such graph"}, False, "no such graph"),
}


@pytest.mark.parametrize(("status", "taken", "problem"), SELDON.values(), ids=SELDON)
def test_a_seldon_deployment_routes_when(status: dict[str, str], taken: bool, problem: str) -> None:
    state = read_route(SELDON_DEPLOYMENT, {"status": status})
    assert state is not None
    assert (state.taken, state.problem) == (taken, problem)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "metadata", "generation", "spec", "status", "rules", "backendRefs", "name",
                "weight", "filters", "requestMirror", "percent", "backendRef", "parents", "http",
                "route", "destination", "host", "mirror", "mirrorPercentage", "value",
                "predictors", "traffic", "shadow", "selector", "conditions", "type", "labels",
                "annotations", "ownerReferences", "managedFields", "controller", "kind", "uid",
            ]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    st.sampled_from([HTTP_ROUTE, VIRTUAL_SERVICE, SELDON_DEPLOYMENT, SERVICE]),
    st.fixed_dictionaries({"metadata": _json, "spec": _json, "status": _json}),
)
def test_an_object_of_any_shape_can_be_read(kind: Kind, thing: Any) -> None:
    state = read_route(kind, thing)
    assert state is None or all(weight >= 0 for weight in state.weights.values())
    assert see(kind, thing).version >= 0
    assert len(place_of(thing)) == 3
