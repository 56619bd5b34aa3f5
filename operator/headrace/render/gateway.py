"""Gateway API: one HTTPRoute that splits, copies, keeps users with their arm, and names it.

Rule 0 is the live one and its backends keep their order, because Envoy Gateway counts by these
positions. That costs nothing: a rule that also matches a header comes before one that does not,
wherever it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.errors import Fault, InvalidRollout
from headrace.render.kubernetes import SERVICE_PORT
from headrace.render.labels import rollout_labels
from headrace.render.manifest import Manifest, manifest, without_empty
from headrace.render.names import rollout_name, service_name
from headrace.render.routes import (
    FEEDBACK,
    PREDICTIONS,
    VERSION_HEADER,
    Arm,
    arms_of,
    cookie_pattern,
    direct_arms,
    has_live_traffic,
    set_cookie,
    sticky_arms,
    timeout_of,
)

MOST_RULES = 16


def gateway(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render the HTTPRoute; none while nobody answers.

    Raises:
        InvalidRollout: No gateway is named, or there are more arms than a route can hold.
    """
    if not has_live_traffic(plan):
        return []
    rules = [
        _live(rollout, plan),
        *(_direct(rollout, arm) for arm in direct_arms(rollout, plan)),
        *(_sticky(rollout, plan, arm) for arm in sticky_arms(rollout, plan)),
    ]
    if len(rules) > MOST_RULES:
        problem = f"needs {len(rules)} rules in an HTTPRoute"
        fault = Fault("spec.challengers", problem, f"at most {MOST_RULES}: fewer versions at once")
        raise InvalidRollout(rollout.key, [fault])
    spec = without_empty(
        {
            "parentRefs": [_parent(rollout)],
            "hostnames": list(rollout.spec.routing.hostnames),
            "rules": rules,
        }
    )
    return [
        manifest(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            rollout_name(rollout),
            rollout.metadata.namespace,
            rollout_labels(rollout),
            {"spec": spec},
        )
    ]


def _parent(rollout: ModelRollout) -> dict[str, str]:
    gateway = rollout.spec.routing.gateway
    if gateway is None:
        expected = "the Gateway that users come through"
        example = "gateway: {name: models, namespace: gateways}"
        fault = Fault("spec.routing.gateway", "is missing", expected, example)
        raise InvalidRollout(rollout.key, [fault])
    return {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway.name,
        "namespace": gateway.namespace or rollout.metadata.namespace,
    }


def _live(rollout: ModelRollout, plan: Plan) -> dict[str, Any]:
    rule: dict[str, Any] = {"name": "live", "matches": [_post(PREDICTIONS)]}
    if plan.candidate is not None and plan.traffic.mirror:
        mirror = {
            "backendRef": _service(service_name(rollout, plan.candidate)),
            "percent": plan.traffic.mirror,
        }
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    rule["backendRefs"] = [_backend(plan, arm) for arm in arms_of(rollout, plan)]
    rule["timeouts"] = {"request": timeout_of(rollout)}
    return rule


def _direct(rollout: ModelRollout, arm: Arm) -> dict[str, Any]:
    header = {"type": "Exact", "name": VERSION_HEADER, "value": arm.model.version}
    return {
        "matches": [_post(FEEDBACK, header), _post(PREDICTIONS, header)],
        "backendRefs": [_alone(arm)],
        "timeouts": {"request": timeout_of(rollout)},
    }


def _sticky(rollout: ModelRollout, plan: Plan, arm: Arm) -> dict[str, Any]:
    assert plan.sticky is not None
    pattern = cookie_pattern(plan.sticky, arm.model.version)
    header = {"type": "RegularExpression", "name": "cookie", "value": pattern}
    return {
        "matches": [_post(PREDICTIONS, header)],
        "backendRefs": [_alone(arm)],
        "timeouts": {"request": timeout_of(rollout)},
    }


def _post(path: str, header: Mapping[str, str] | None = None) -> dict[str, Any]:
    return without_empty(
        {
            "path": {"type": "Exact", "value": path},
            "headers": None if header is None else [dict(header)],
            "method": "POST",
        }
    )


def _alone(arm: Arm) -> dict[str, Any]:
    return {**_service(arm.service), "weight": 1, "filters": [_response(arm.headers)]}


def _backend(plan: Plan, arm: Arm) -> dict[str, Any]:
    cookie = None if plan.sticky is None else set_cookie(plan.sticky, arm.model.version)
    return {
        **_service(arm.service),
        "weight": arm.weight,
        "filters": [_response(arm.headers, cookie)],
    }


def _service(name: str) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": name, "port": SERVICE_PORT}


def _response(headers: Mapping[str, str], cookie: str | None = None) -> dict[str, Any]:
    modifier: dict[str, Any] = {
        "set": [{"name": name, "value": value} for name, value in headers.items()]
    }
    if cookie is not None:
        # Beside the cookies of the model server, not instead of them.
        modifier["add"] = [{"name": "set-cookie", "value": cookie}]
    return {"type": "ResponseHeaderModifier", "responseHeaderModifier": modifier}
