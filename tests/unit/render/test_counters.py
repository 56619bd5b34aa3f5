from __future__ import annotations

import pytest

from headrace.api import Traffic
from headrace.engine.counters import Counters
from headrace.engine.plan import Plan
from headrace.render.counters import counters_of
from headrace.render.names import predictor_name, service_name
from tests.unit.render.rollouts import built, model

OLD, NEW, THIRD = model("6"), model("7"), model("8")
COPIES = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100, mirror=20))
SPLIT = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=90, candidate=10))
ROUTE = "httproute/models/flight-delay/rule"


def shown(counters: Counters) -> str:
    return f"{counters.selector} {dict(counters.labels)} {counters.arm}"


@pytest.mark.parametrize("plan", [COPIES, SPLIT], ids=["copies", "split"])
def test_envoy_gateway_counts_by_position_and_copies_apart(plan: Plan) -> None:
    counters = counters_of(built(), plan)
    copied = {f"{ROUTE}/0-mirror-0": "7"} if plan is COPIES else {}
    split = {f"{ROUTE}/1/backend/0": "6", f"{ROUTE}/1/backend/1": "7"}
    live = {f"{ROUTE}/0/backend/0": "6", **(split if plan is SPLIT else {})}
    assert counters.requests.versions == live == counters.latency.versions
    stable = {name: version for name, version in live.items() if version == "6"}
    assert counters.mirrored.versions == {**stable, **copied}
    assert shown(counters.requests) == "envoy_cluster_upstream_rq_xx {} envoy_cluster_name"
    assert counters.latency.selector.name == "envoy_cluster_upstream_rq_time_bucket"
    assert counters.latency.per_second == 1000.0
    assert all(each.reused for each in counters.by_metric.values())


def test_istio_counts_live_requests_by_service_and_the_servers_count_copies() -> None:
    rollout = built(router="Istio")
    counters = counters_of(rollout, COPIES)
    services = {service_name(rollout, OLD): "6", service_name(rollout, NEW): "7"}
    assert counters.requests.versions == services == counters.latency.versions
    labels = "{'destination_service_namespace': 'models'} destination_service_name"
    assert shown(counters.requests) == f'istio_requests_total{{reporter="source"}} {labels}'
    assert counters.requests.code == "response_code"
    assert not counters.requests.reused
    assert shown(counters.mirrored) == "headrace_requests_total {'model': 'flight-delay'} version"
    assert counters.mirrored.versions == {"6": "6", "7": "7"}
    assert counters.mirrored.optional == {"namespace": "models"}


@pytest.mark.parametrize("backend", ["Kubernetes", "Seldon"])
def test_a_service_name_never_means_another_version(backend: str) -> None:
    rollout = built(backend=backend, router="Istio")
    promoted = Plan(stable=NEW, candidate=THIRD, traffic=SPLIT.traffic)
    before, after = (counters_of(rollout, plan).requests for plan in (SPLIT, promoted))
    both = before.versions.keys() & after.versions.keys()
    assert {before.versions[name] for name in both} == {"7"}
    assert {after.versions[name] for name in both} == {"7"}


def test_seldons_orchestrator_counts_copies_or_live_requests_as_the_plan_has_it() -> None:
    rollout = built(backend="Seldon", router="Seldon")
    copies, split = counters_of(rollout, COPIES), counters_of(rollout, SPLIT)
    old, new = {predictor_name(OLD): "6"}, {predictor_name(NEW): "7"}
    assert (copies.requests.versions, copies.mirrored.versions) == (old, {**old, **new})
    assert (split.requests.versions, split.mirrored.versions) == ({**old, **new}, old)
    assert copies.latency.versions == old
    name = 'seldon_api_executor_server_requests_seconds_count{service="predictions"}'
    labels = "{'deployment_name': 'flight-delay'} predictor_name"
    assert shown(split.requests) == f"{name} {labels}"
    assert split.requests.reused


def test_without_a_router_the_model_servers_are_asked() -> None:
    counters = counters_of(built(router="None"), SPLIT)
    assert shown(counters.requests) == "headrace_requests_total {'model': 'flight-delay'} version"
    assert shown(counters.latency).startswith("headrace_request_seconds_bucket {")
    assert counters.latency.per_second == 1.0
    assert counters.requests.versions == {"6": "6", "7": "7"}
    assert counters.mirrored.versions == {"6": "6"}
    assert not any(each.reused for each in counters.by_metric.values())


@pytest.mark.parametrize("router", ["GatewayAPI", "Istio", "None"])
def test_a_version_that_only_waits_as_a_way_back_is_no_arm(router: str) -> None:
    plan = Plan(stable=NEW, candidate=None, traffic=Traffic(stable=100), previous=OLD)
    counters = counters_of(built(router=router), plan)
    assert set(counters.requests.versions.values()) == {"7"}
