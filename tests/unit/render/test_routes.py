"""What the routers are told: who answers, who gets copies, and who is asked by name."""

from __future__ import annotations

import re
from typing import Any

import pytest

from headrace.api import ModelRollout, ModelSpec, Stickiness, Traffic
from headrace.engine.plan import Plan
from headrace.errors import InvalidRollout
from headrace.render.gateway import is_open
from headrace.render.names import version_name
from headrace.render.rendering import render
from headrace.render.routes import cookie_pattern
from tests.unit.render.rollouts import built, model

OLD, NEW = model("6.1"), model("7")


def plan(traffic: Traffic, **more: Any) -> Plan:
    return Plan(stable=OLD, candidate=NEW, traffic=traffic, **more)


def route(rollout: ModelRollout, wanted: Plan, kind: str = "HTTPRoute") -> dict[str, Any]:
    (found,) = (each for each in render(rollout, wanted) if each["kind"] == kind)
    spec: dict[str, Any] = found["spec"]
    return spec


def header(backend: dict[str, Any], name: str) -> str:
    (found,) = backend["filters"]
    modifier = found["responseHeaderModifier"]
    entries = [*modifier["set"], *modifier.get("add", ())]
    return str(next((each["value"] for each in entries if each["name"] == name), ""))


def opened(spec: dict[str, Any]) -> dict[str, Any]:
    """Give the one rule that takes the requests of everybody."""
    (rule,) = (each for each in spec["rules"] if is_open(each))
    return dict(rule)


@pytest.mark.parametrize(
    ("traffic", "taking"),
    [
        (Traffic(stable=100), {OLD: 100}),
        (Traffic(stable=95, candidate=5), {OLD: 95, NEW: 5}),
        (Traffic(candidate=100), {NEW: 100}),
    ],
    ids=["stable", "split", "candidate"],
)
def test_one_rule_takes_all_live_requests(traffic: Traffic, taking: dict[ModelSpec, int]) -> None:
    backends = opened(route(built(), plan(traffic)))["backendRefs"]
    assert [(each["name"], each["weight"]) for each in backends] == [
        (version_name(built(), version), weight) for version, weight in taking.items()
    ]
    assert [header(each, "x-headrace-version") for each in backends] == [
        version.version for version in taking
    ]


def test_traffic_moves_without_a_backend_that_the_gateway_has_not_known_before() -> None:
    """Or requests would be lost until Envoy has heard of it."""
    known: list[set[str]] = []
    for traffic in (Traffic(stable=100), Traffic(stable=95, candidate=5), Traffic(candidate=100)):
        rules = route(built(), plan(traffic))["rules"]
        known.append(
            {
                f"{place}/{index} {backend['name']}"
                for place, rule in enumerate(rules)
                for index, backend in enumerate(rule["backendRefs"])
                if backend["weight"] > 0
            }
        )
    assert known[0] == known[1] == known[2]


def test_a_version_that_is_alone_has_the_places_of_those_to_come() -> None:
    alone = Plan(stable=OLD, candidate=None, traffic=Traffic(stable=100))
    places = [
        [len(rule["backendRefs"]) for rule in route(built(), each)["rules"][:3]]
        for each in (alone, plan(Traffic(stable=50, candidate=50)))
    ]
    assert places == [[1, 2, 1], [1, 2, 1]]


def test_a_closed_rule_takes_no_request() -> None:
    closed = route(built(), plan(Traffic(stable=100)))["rules"][1]
    (match,) = closed["matches"]
    (only,) = match["headers"]
    assert not any(re.fullmatch(only["value"], text) for text in ("", "nobody", "nobody^", "7"))


def test_copies_go_to_the_candidate_and_its_answers_to_nobody() -> None:
    live = opened(route(built(), plan(Traffic(stable=100, mirror=40))))
    mirror = live["filters"][0]["requestMirror"]
    assert mirror["percent"] == 40
    assert mirror["backendRef"]["name"] == version_name(built(), NEW)
    (only,) = live["backendRefs"]
    assert only["name"] == version_name(built(), OLD)


def test_feedback_goes_to_the_version_that_answered_and_to_no_other() -> None:
    previous = model("5")
    spec = route(built(), plan(Traffic(stable=90, candidate=10), previous=previous))
    takers = {}
    for rule in spec["rules"]:
        for match in rule["matches"]:
            if match["path"]["value"] == "/api/v1.0/feedback":
                (only,) = match["headers"]
                takers[only["value"]] = [backend["name"] for backend in rule["backendRefs"]]
    assert takers == {each.version: [version_name(built(), each)] for each in (OLD, NEW, previous)}


def test_users_stay_with_their_arm() -> None:
    sticky = Stickiness(cookie="arm", ttl=3600.0)
    spec = route(built(), plan(Traffic(stable=60, candidate=40), sticky=sticky))
    live = opened(spec)
    cookies = [header(backend, "set-cookie") for backend in live["backendRefs"]]
    assert cookies[0] == "arm=6.1; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"
    matches = [
        (match, rule["backendRefs"][0]["name"])
        for rule in spec["rules"]
        for match in rule["matches"]
        if match.get("headers", [{}])[0].get("name") == "cookie"
    ]
    for version, cookie in ((OLD, cookies[0]), (NEW, cookies[1])):
        brought = f"a=b; {cookie.split(';')[0]}; c=d"
        takers = [
            name for match, name in matches if re.fullmatch(match["headers"][0]["value"], brought)
        ]
        assert takers == [version_name(built(), version)]


@pytest.mark.parametrize(
    ("cookie", "taken"),
    [
        ("arm=6.1", True),
        ("a=b; arm=6.1", True),
        ("arm=6.1; a=b", True),
        ("arm=6x1", False),
        ("arm=6.10", False),
        ("charm=6.1", False),
        ("a=arm=6.1x", False),
    ],
)
def test_a_cookie_is_taken_for_what_it_is(cookie: str, taken: bool) -> None:
    pattern = cookie_pattern(Stickiness(cookie="arm"), "6.1")
    assert bool(re.fullmatch(pattern, cookie)) is taken


def test_istio_does_the_same() -> None:
    sticky = Stickiness(cookie="arm", ttl=60.0)
    rollout = built(router="Istio")
    spec = route(rollout, plan(Traffic(stable=60, candidate=40), sticky=sticky), "VirtualService")
    names = [rule["name"] for rule in spec["http"]]
    # Here the order counts: the first rule that matches takes the request.
    assert names == [
        "direct-6.1",
        "direct-7",
        "sticky-6.1",
        "sticky-7",
        "live",
        "feedback-without-version",
    ]
    live = spec["http"][4]
    assert [each["weight"] for each in live["route"]] == [60, 40]
    assert live["route"][1]["headers"]["response"]["set"]["x-headrace-arm"] == "candidate"
    assert live["route"][1]["headers"]["response"]["add"]["set-cookie"].startswith("arm=7; ")
    assert "503" not in live["retries"]["retryOn"]
    mirrored = route(rollout, plan(Traffic(stable=100, mirror=40)), "VirtualService")["http"][2]
    assert mirrored["mirrorPercentage"] == {"value": 40.0}
    assert mirrored["mirror"]["host"].startswith(version_name(rollout, NEW) + ".models.")


def test_istio_without_hostnames_has_a_host_within_the_mesh() -> None:
    rollout = built(router="Istio", routing={"provider": "Istio"})
    spec = route(rollout, plan(Traffic(stable=100)), "VirtualService")
    assert spec["hosts"] == ["flight-delay.models.svc.cluster.local"]
    assert spec["gateways"] == ["mesh"]


@pytest.mark.parametrize(
    ("traffic", "chosen"), [(Traffic(stable=100), OLD), (Traffic(candidate=100), NEW)]
)
def test_without_a_router_one_version_has_all_the_requests(
    traffic: Traffic, chosen: ModelSpec
) -> None:
    rollout = built(router="None")
    manifests = render(rollout, plan(traffic))
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in manifests
        if each["kind"] == "Deployment"
    }
    (front,) = (each for each in manifests if each["metadata"]["name"] == "flight-delay")
    behind = [
        name for name, those in labels.items() if front["spec"]["selector"].items() <= those.items()
    ]
    assert behind == [version_name(rollout, chosen)]


def test_nobody_to_answer_means_no_route() -> None:
    manifests = render(built(), Plan(stable=None, candidate=None, traffic=Traffic()))
    assert manifests == []


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        (built(routing={"provider": "GatewayAPI"}), "spec.routing.gateway: is missing"),
        (built(router="Seldon"), "or the backend Seldon"),
        (built(backend="Seldon", router="Seldon"), "does not know who a user is"),
    ],
    ids=["no gateway", "Seldon's routing of plain pods", "Seldon's routing of sticky users"],
)
def test_what_a_router_cannot_do_is_refused(rollout: ModelRollout, said: str) -> None:
    with pytest.raises(InvalidRollout, match=re.escape(said)):
        render(rollout, plan(Traffic(stable=50, candidate=50), sticky=Stickiness()))


def test_more_arms_than_a_route_can_hold_are_refused() -> None:
    others = tuple(model(f"c{number}") for number in range(15))
    with pytest.raises(InvalidRollout, match="20 rules"):
        render(built(), plan(Traffic(stable=100), challengers=others))
