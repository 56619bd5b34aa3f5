"""Istio: a VirtualService that does what the HTTPRoute does, and a DestinationRule per version.

Destinations are Services of one version each, not subsets of one: a route to a subset that its
DestinationRule does not know yet answers 503, and the two cannot be applied at one moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.protocol import FEEDBACK, PREDICTIONS, VERSION_HEADER
from headrace.render.front import front_service
from headrace.render.kubernetes import SERVICE_PORT
from headrace.render.labels import rollout_labels, version_labels
from headrace.render.manifest import Manifest, manifest
from headrace.render.names import rollout_name, service_name, version_name
from headrace.render.routes import (
    Arm,
    arms_of,
    cookie_pattern,
    direct_arms,
    has_live_traffic,
    set_cookie,
    sticky_arms,
    timeout_of,
)

_API = "networking.istio.io/v1"

_RETRIES = {
    "attempts": 2,
    # Istio's own default also tries answers of 503 again, which hides a version's failures and
    # counts predictions twice. Here only what no server can have seen.
    "retryOn": "connect-failure,refused-stream,reset-before-request",
}

_UNKNOWN = (
    f"Feedback belongs to the version that answered: send the header {VERSION_HEADER} as that "
    "answer had it. It was missing, or that version runs no more.\n"
)


def istio(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render the VirtualService, the DestinationRules, and a host where none is given."""
    if not has_live_traffic(plan):
        return []
    routing = rollout.spec.routing
    rendered = [_destination_rule(rollout, arm) for arm in direct_arms(rollout, plan)]
    hosts, gateways = list(routing.hostnames), []
    if not hosts:
        # Callers within the mesh need a name; which pods are behind it is the mesh's to say.
        front = front_service(rollout, {})
        rendered.append(front)
        hosts = [_host(rollout, front["metadata"]["name"])]
    if routing.gateway is not None:
        namespace = routing.gateway.namespace or rollout.metadata.namespace
        gateways.append(f"{namespace}/{routing.gateway.name}")
    if routing.gateway is None or not routing.hostnames:
        gateways.append("mesh")
    spec = {
        "hosts": hosts,
        "gateways": gateways,
        "http": [
            *(_direct(rollout, arm) for arm in direct_arms(rollout, plan)),
            *(_sticky(rollout, plan, arm) for arm in sticky_arms(rollout, plan)),
            _live(rollout, plan),
            {
                "name": "feedback-without-version",
                "match": [_post(FEEDBACK)],
                "directResponse": {"status": 400, "body": {"string": _UNKNOWN}},
            },
        ],
    }
    rendered.append(
        manifest(
            _API,
            "VirtualService",
            rollout_name(rollout),
            rollout.metadata.namespace,
            rollout_labels(rollout),
            {"spec": spec},
        )
    )
    return rendered


def _destination_rule(rollout: ModelRollout, arm: Arm) -> Manifest:
    # No outlier detection: a server that is ejected for its errors would stop counting them.
    policy = {
        "loadBalancer": {"simple": "LEAST_REQUEST"},
        "connectionPool": {"http": {"idleTimeout": "60s"}},
    }
    spec = {"host": _host(rollout, arm.service), "trafficPolicy": policy}
    return manifest(
        _API,
        "DestinationRule",
        version_name(rollout, arm.model),
        rollout.metadata.namespace,
        version_labels(rollout, arm.model),
        {"spec": spec},
    )


def _direct(rollout: ModelRollout, arm: Arm) -> dict[str, Any]:
    header = {VERSION_HEADER: {"exact": arm.model.version}}
    return {
        "name": f"direct-{arm.model.version}",
        "match": [_post(FEEDBACK, header), _post(PREDICTIONS, header)],
        "route": [{**_destination(rollout, arm.service), "headers": _headers(arm)}],
        **_patience(rollout),
    }


def _sticky(rollout: ModelRollout, plan: Plan, arm: Arm) -> dict[str, Any]:
    assert plan.sticky is not None
    pattern = cookie_pattern(plan.sticky, arm.model.version)
    return {
        "name": f"sticky-{arm.model.version}",
        "match": [_post(PREDICTIONS, {"cookie": {"regex": pattern}})],
        "route": [{**_destination(rollout, arm.service), "headers": _headers(arm)}],
        **_patience(rollout),
    }


def _live(rollout: ModelRollout, plan: Plan) -> dict[str, Any]:
    routes = []
    for arm in arms_of(rollout, plan):
        headers = _headers(arm)
        if plan.sticky is not None:
            headers["response"]["add"] = {"set-cookie": set_cookie(plan.sticky, arm.model.version)}
        destination = _destination(rollout, arm.service)
        routes.append({**destination, "weight": arm.weight, "headers": headers})
    rule: dict[str, Any] = {"name": "live", "match": [_post(PREDICTIONS)], "route": routes}
    if plan.candidate is not None and plan.traffic.mirror:
        rule["mirror"] = _target(rollout, service_name(rollout, plan.candidate))
        rule["mirrorPercentage"] = {"value": float(plan.traffic.mirror)}
    return {**rule, **_patience(rollout)}


def _post(path: str, headers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    match: dict[str, Any] = {"uri": {"exact": path}, "method": {"exact": "POST"}}
    return match if headers is None else {**match, "headers": dict(headers)}


def _headers(arm: Arm) -> dict[str, dict[str, dict[str, str]]]:
    return {"response": {"set": arm.headers}}


def _destination(rollout: ModelRollout, service: str) -> dict[str, Any]:
    return {"destination": _target(rollout, service)}


def _target(rollout: ModelRollout, service: str) -> dict[str, Any]:
    return {"host": _host(rollout, service), "port": {"number": SERVICE_PORT}}


def _host(rollout: ModelRollout, service: str) -> str:
    return f"{service}.{rollout.metadata.namespace}.svc.cluster.local"


def _patience(rollout: ModelRollout) -> dict[str, Any]:
    return {"timeout": timeout_of(rollout), "retries": dict(_RETRIES)}
