from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import ModelSpec, Stickiness, Traffic
from headrace.engine.observations import Arm
from headrace.engine.plan import Plan
from headrace.runtime.local.envoy.admin import ClusterView, RouterView
from headrace.runtime.local.envoy.clusters import Kind
from headrace.runtime.local.envoy.routes import TIMEOUT, Mirror, Routes, Share, Sticky
from headrace.runtime.local.switching import (
    Cluster,
    Retirement,
    next_routes,
    planned_clusters,
    planned_routes,
)

DRAIN = 2.0


def model(version: str) -> ModelSpec:
    return ModelSpec(name="m", version=version, uri="x", digest="sha256:" + "0" * 64)


def plan(stable: str, candidate: str = "", weight: int = 0, mirror: int = 0) -> Plan:
    traffic = Traffic(stable=100 - weight, candidate=weight, mirror=mirror)
    return Plan(model(stable), model(candidate) if candidate else None, traffic)


def routes(*shares: tuple[str, int], mirror: Mirror | None = None, feedback: str = "") -> Routes:
    """Give routes: shares by version, the first one stable."""
    arms = (Arm.STABLE, Arm.CANDIDATE)
    return Routes(
        tuple(Share(v, arm, w) for (v, w), arm in zip(shares, arms, strict=False)),
        mirror,
        tuple(feedback),
    )


def view(carried: Routes | None, healthy: str = "", dead: str = "", active: int = 0) -> RouterView:
    """Give an Envoy that knows all kinds of clusters of these versions."""
    clusters = {
        (version, kind): ClusterView(
            frozenset({1}) if version in healthy else frozenset(), active if kind is LIVE else 0
        )
        for version in healthy + dead
        for kind in Kind
    }
    return RouterView(carried, clusters)


LIVE = Kind.LIVE


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(plan("1"), routes(("1", 100), feedback="1"), id="one version"),
        pytest.param(
            plan("1", "2", 25), routes(("1", 75), ("2", 25), feedback="12"), id="a canary"
        ),
        pytest.param(
            plan("1", "2", 0, 50),
            routes(("1", 100), mirror=Mirror("2", 50), feedback="12"),
            id="a mirror",
        ),
        pytest.param(
            plan("1", "2", 100),
            Routes((Share("2", Arm.CANDIDATE, 100),), None, ("1", "2")),
            id="a candidate that has all users",
        ),
        pytest.param(Plan(None, None, Traffic()), Routes(), id="nothing"),
    ],
)
def test_a_plan_asks_for_routes(wanted: Plan, expected: Routes) -> None:
    assert planned_routes(wanted) == expected


def test_only_a_candidate_has_a_cluster_for_copies() -> None:
    assert planned_clusters(plan("1", "2")) == {
        ("1", Kind.LIVE),
        ("1", Kind.FEEDBACK),
        ("2", Kind.LIVE),
        ("2", Kind.FEEDBACK),
        ("2", Kind.MIRROR),
    }


@pytest.mark.parametrize(
    ("wanted", "envoy", "expected"),
    [
        pytest.param(plan("1"), view(None), Routes(), id="the first version is not there yet"),
        pytest.param(
            plan("1"), view(None, dead="1"), Routes((), None, ("1",)), id="it has no server yet"
        ),
        pytest.param(plan("1"), view(None, "1"), planned_routes(plan("1")), id="it is ready"),
        pytest.param(
            plan("1", "2", 25),
            view(routes(("1", 100)), "1", dead="2"),
            routes(("1", 100), feedback="12"),
            id="a candidate that is not ready gets nobody",
        ),
        pytest.param(
            plan("1", "2", 0, 100),
            view(routes(("1", 100)), "1", dead="2"),
            routes(("1", 100), feedback="12"),
            id="nor copies",
        ),
        pytest.param(
            plan("1", "2", 50),
            view(routes(("1", 75), ("2", 25)), "1", dead="2"),
            planned_routes(plan("1", "2", 50)),
            id="a candidate that has users is not asked for its health",
        ),
        pytest.param(
            plan("1"),
            view(routes(("1", 50), ("2", 50)), "2", dead="1"),
            planned_routes(plan("1")),
            id="the way back does not depend on the health of stable",
        ),
        pytest.param(
            plan("1"),
            view(Routes((Share("2", Arm.CANDIDATE, 100),)), "2", dead="1"),
            Routes((Share("2", Arm.CANDIDATE, 100),), None, ("1",)),
            id="but users are not sent from a server to none",
        ),
        pytest.param(
            plan("1", "3", 50),
            view(routes(("1", 50), ("2", 50)), "12", dead="3"),
            routes(("1", 100), feedback="13"),
            id="another candidate: the old one loses its users at once",
        ),
        pytest.param(
            Plan(None, None, Traffic()), view(routes(("1", 100)), "1"), Routes(), id="the end"
        ),
    ],
)
def test_the_next_routes(wanted: Plan, envoy: RouterView, expected: Routes) -> None:
    assert next_routes(planned_routes(wanted), envoy) == expected


VERSIONS = st.sampled_from("123")
PLANS = st.builds(
    lambda pair, weight, mirror: plan(pair[0], pair[1], weight, mirror),
    st.tuples(VERSIONS, VERSIONS).filter(lambda pair: pair[0] != pair[1]),
    st.integers(0, 100),
    st.integers(0, 100),
)
VIEWS = st.builds(
    lambda carried, states: view(
        planned_routes(carried) if carried else None,
        "".join(v for v, s in states.items() if s == "healthy"),
        "".join(v for v, s in states.items() if s == "dead"),
    ),
    st.none() | PLANS,
    st.fixed_dictionaries({v: st.sampled_from(["healthy", "dead", "unknown"]) for v in "123"}),
)


@given(PLANS, VIEWS)
def test_routes_name_only_what_envoy_knows_and_weights_sum_to_a_hundred(
    wanted: Plan, envoy: RouterView
) -> None:
    found = next_routes(planned_routes(wanted), envoy)
    assert found.clusters <= envoy.clusters.keys()
    assert sum(share.weight for share in found.shares) in ((100,) if found.shares else (0,))


@given(PLANS, VIEWS)
def test_who_had_no_requests_gets_none_before_a_server_is_healthy(
    wanted: Plan, envoy: RouterView
) -> None:
    found = next_routes(planned_routes(wanted), envoy)
    had = (envoy.routes or Routes()).clusters
    for cluster in found.clusters:
        assert cluster in had or cluster[1] is Kind.FEEDBACK or envoy.is_ready(cluster)


@given(PLANS)
def test_where_everybody_is_healthy_the_plan_is_carried_at_once(wanted: Plan) -> None:
    planned = planned_routes(wanted)
    assert next_routes(planned, view(None, "123")) == planned


@given(st.lists(st.tuples(PLANS, st.floats(0.05, 3)), min_size=1, max_size=12))
def test_what_envoy_carries_never_goes_away_and_what_nobody_wants_goes_in_the_end(
    history: list[tuple[Plan, float]],
) -> None:
    retirement = Retirement(DRAIN)
    now = 0.0
    published: frozenset[Cluster] = frozenset()
    carried = Routes()
    last_used: dict[Cluster, float] = {}
    for wanted, pause in history:
        planned = planned_routes(wanted)
        envoy = RouterView(carried, {c: ClusterView(frozenset({1}), 0) for c in published})
        routes = next_routes(planned, envoy)
        needed = planned_clusters(wanted) | routes.clusters
        last_used |= dict.fromkeys(needed | carried.clusters, now)
        published = retirement.keep(published, needed, envoy, now)
        assert needed | carried.clusters <= published
        assert {c for c in published if now - last_used[c] > DRAIN} == set()
        carried = routes
        now += pause
    envoy = RouterView(carried, {c: ClusterView(frozenset({1}), 0) for c in published})
    final = planned_clusters(history[-1][0]) | carried.clusters
    published = retirement.keep(published, final, envoy, now + DRAIN)
    assert published == final


def test_a_cluster_with_requests_on_their_way_is_kept_until_they_must_have_ended() -> None:
    retirement = Retirement(DRAIN)
    old: frozenset[Cluster] = frozenset({("1", LIVE)})
    busy, idle = (view(routes(("2", 100)), "12", active=n) for n in (1, 0))
    assert retirement.keep(old, (), busy, 0.0) >= old
    assert retirement.keep(old, (), busy, DRAIN + 1) >= old
    assert not retirement.keep(old, (), idle, DRAIN + 1) & old
    assert retirement.keep(old, (), busy, 20.0) >= old
    assert not retirement.keep(old, (), busy, 20.0 + DRAIN + TIMEOUT) & old


def test_the_plan_of_an_experiment_with_a_way_back() -> None:
    experiment = Plan(
        model("1"),
        model("2"),
        Traffic(stable=50, candidate=30, challengers={"3": 20}),
        challengers=(model("3"), model("4")),
        previous=model("0"),
        sticky=Stickiness(cookie="arm", ttl=60.0),
    )
    assert planned_routes(experiment) == Routes(
        (Share("1", Arm.STABLE, 50), Share("2", Arm.CANDIDATE, 30), Share("3", Arm.CANDIDATE, 20)),
        None,
        ("1", "2", "3", "4", "0"),
        Sticky("arm", 60),
    )
    kinds = {(v, kind) for v in "12340" for kind in (Kind.LIVE, Kind.FEEDBACK)}
    assert planned_clusters(experiment) == kinds | {("2", Kind.MIRROR)}
