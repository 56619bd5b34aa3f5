"""Under which names the router of a rollout counts its arms.

Every router counts something else, and none counts everything:

- Envoy Gateway counts answers and times of live requests and answers of copies, by position.
- Istio counts live requests where they leave, by Service. Copies are not counted there, so the
  model servers are asked.
- Seldon's orchestrator counts what a predictor answered, whether anybody sees it or not.
- Without a router there are only the model servers.

Who cannot tell copies from live requests is asked for one or the other, as the plan has it: a
candidate never gets both at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.api import ModelRollout, ModelSpec
from headrace.api.selectors import Selector
from headrace.engine.counters import (
    NAMESPACE,
    SERVER_REQUESTS,
    SERVER_SECONDS,
    Counters,
    RouterCounters,
    of_servers,
)
from headrace.engine.plan import Plan
from headrace.render.gateway_counters import Traffic, envoy_clusters
from headrace.render.names import predictor_name, seldon_name, service_name

_SELDON = "seldon_api_executor_server_requests_seconds"


def counters_of(rollout: ModelRollout, plan: Plan) -> RouterCounters:
    """Give the counters of a rollout's requests.

    Args:
        rollout: As it is rendered.
        plan: As it is rendered.

    Raises:
        InvalidRollout: The router's objects cannot be rendered.
    """
    match rollout.spec.routing.provider:
        case "GatewayAPI":
            return _envoy_gateway(rollout, plan)
        case "Istio":
            return _istio(rollout, plan)
        case "Seldon":
            return _seldon(rollout, plan)
        case _:
            return _servers(rollout, plan)


def _envoy_gateway(rollout: ModelRollout, plan: Plan) -> RouterCounters:
    names = envoy_clusters(rollout, plan)
    stable = "" if plan.stable is None else plan.stable.version
    live = {name: version for name, (version, kind) in names.items() if kind == "live"}
    copied = {
        name: version
        for name, (version, kind) in names.items()
        if kind == ("live" if version == stable else "mirror")
    }

    def counters(name: str, versions: Mapping[str, str]) -> Counters:
        return Counters(
            selector=Selector(name, ""),
            labels={},
            arm="envoy_cluster_name",
            versions=versions,
            reused=True,
            code="envoy_response_code_class",
            per_second=1000.0,
        )

    return RouterCounters(
        requests=counters("envoy_cluster_upstream_rq_xx", live),
        mirrored=counters("envoy_cluster_upstream_rq_xx", copied),
        latency=counters("envoy_cluster_upstream_rq_time_bucket", live),
    )


def _istio(rollout: ModelRollout, plan: Plan) -> RouterCounters:
    def counters(name: str) -> Counters:
        return Counters(
            # Where requests leave: what never arrived is counted too, and nothing twice.
            selector=Selector(name, 'reporter="source"'),
            labels={"destination_service_namespace": rollout.metadata.namespace},
            arm="destination_service_name",
            versions={service_name(rollout, model): model.version for model in _arms(plan)},
            code="response_code",
            per_second=1000.0,
        )

    return RouterCounters(
        requests=counters("istio_requests_total"),
        mirrored=_copies_of_servers(rollout, plan),
        latency=counters("istio_request_duration_milliseconds_bucket"),
    )


def _seldon(rollout: ModelRollout, plan: Plan) -> RouterCounters:
    def counters(name: str, kind: Traffic) -> Counters:
        return Counters(
            selector=Selector(name, 'service="predictions"'),
            labels={"deployment_name": seldon_name(rollout)},
            arm="predictor_name",
            versions={predictor_name(model): model.version for model in _taking(plan, kind)},
            optional={NAMESPACE: rollout.metadata.namespace},
            reused=True,
            code="code",
        )

    return RouterCounters(
        requests=counters(f"{_SELDON}_count", "live"),
        mirrored=counters(f"{_SELDON}_count", "mirror"),
        latency=counters(f"{_SELDON}_bucket", "live"),
    )


def _servers(rollout: ModelRollout, plan: Plan) -> RouterCounters:
    # Nobody copies, so that what a server has answered was live.
    key, name = rollout.key, rollout.spec.model.name
    live = [model.version for model in _taking(plan, "live")]
    stable = [model.version for model in _arms(plan) if model == plan.stable]
    return RouterCounters(
        requests=of_servers(key, name, live, SERVER_REQUESTS),
        mirrored=of_servers(key, name, stable, SERVER_REQUESTS),
        latency=of_servers(key, name, live, SERVER_SECONDS),
    )


def _copies_of_servers(rollout: ModelRollout, plan: Plan) -> Counters:
    versions = [model.version for model in _taking(plan, "mirror")]
    name = rollout.spec.model.name
    return of_servers(rollout.key, name, versions, SERVER_REQUESTS, reused=True)


def _arms(plan: Plan) -> tuple[ModelSpec, ...]:
    stable = () if plan.stable is None else (plan.stable,)
    return (*stable, *plan.candidates)


def _taking(plan: Plan, kind: Traffic) -> tuple[ModelSpec, ...]:
    """Give the arms whose requests are of this kind; stable's are always live."""
    copied = (plan.candidate,) if plan.traffic.mirror else ()
    return tuple(
        model
        for model in _arms(plan)
        if model == plan.stable or (model in copied) == (kind == "mirror")
    )
