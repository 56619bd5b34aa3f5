"""Gateway API: one HTTPRoute that splits, copies, keeps users with their arm, and names it.

Three rules are always there: *stable* alone, the *split*, and the *candidate* alone. One of them
is open to everybody; the others are closed, or take those who bring their arm's cookie. Traffic
moves by opening another rule, never by adding one. For Envoy Gateway makes a cluster of Envoy of
every backend of a rule, and Envoy may hear of a route before the cluster that it leads to: requests
are then answered with 500 (github.com/envoyproxy/gateway/issues/6287). So that every cluster is
known long before it is used, a closed rule keeps all its backends, and a version that is alone has
the places of those that are to come.

Rules and backends keep their places, because Envoy Gateway also counts by them. That costs nothing:
a rule that also matches a header comes before one that does not, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.errors import Fault, InvalidRollout
from headrace.protocol import FEEDBACK, PREDICTIONS, VERSION_HEADER
from headrace.render.kubernetes import SERVICE_PORT
from headrace.render.labels import rollout_labels
from headrace.render.manifest import Manifest, manifest, without_empty
from headrace.render.names import rollout_name, service_name
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

MOST_RULES = 16

NOBODY = {"type": "RegularExpression", "name": VERSION_HEADER, "value": "nobody^"}
"""A match of no request at all: nothing follows a beginning."""


def gateway(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render the HTTPRoute; none while nobody answers.

    Raises:
        InvalidRollout: No gateway is named, or there are more arms than a route can hold.
    """
    if not has_live_traffic(plan):
        return []
    rules = _rules(rollout, plan)
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


def is_open(rule: Mapping[str, Any]) -> bool:
    """Say whether a rule takes live requests of everybody."""
    return any("headers" not in match for match in rule["matches"])


def _rules(rollout: ModelRollout, plan: Plan) -> list[dict[str, Any]]:
    arms = arms_of(rollout, plan)
    stable, beside = arms[0], arms[1:]
    alone = next((arm for arm in arms if arm.weight == 100), None)
    # Another one than the first candidate may be the one that gets everything in the end.
    candidate = next((arm for arm in beside if arm == alone), beside[0] if beside else stable)
    split = arms if beside else (stable, stable)
    return [
        _live(rollout, plan, "stable", _taken(plan, stable, alone), [_alone(stable)]),
        _live(
            rollout,
            plan,
            "split",
            None if alone is None else NOBODY,
            [_backend(plan, arm, least=0 if alone is None else 1) for arm in split],
        ),
        _live(
            rollout,
            plan,
            "candidate",
            _taken(plan, candidate, alone) if beside else NOBODY,
            [_alone(candidate)],
        ),
        *(_direct(rollout, arm) for arm in direct_arms(rollout, plan)),
        *(
            _sticky(rollout, plan, arm)
            for arm in sticky_arms(rollout, plan)
            if arm not in (stable, candidate)
        ),
    ]


def _taken(plan: Plan, arm: Arm, alone: Arm | None) -> Mapping[str, str] | None:
    """Give what the requests to an arm's own rule bring; None if it takes them all."""
    if arm == alone:
        return None
    return _cookie(plan, arm) if plan.sticky is not None and arm.weight else NOBODY


def _live(
    rollout: ModelRollout,
    plan: Plan,
    name: str,
    taken: Mapping[str, str] | None,
    backends: list[dict[str, Any]],
) -> dict[str, Any]:
    mirrored = []
    if taken is None and plan.candidate is not None and plan.traffic.mirror:
        mirror = {
            "backendRef": _service(service_name(rollout, plan.candidate)),
            "percent": plan.traffic.mirror,
        }
        mirrored.append({"type": "RequestMirror", "requestMirror": mirror})
    return without_empty(
        {
            "name": name,
            "matches": [_post(PREDICTIONS, taken)],
            "filters": mirrored,
            "backendRefs": backends,
            "timeouts": {"request": timeout_of(rollout)},
        }
    )


def _direct(rollout: ModelRollout, arm: Arm) -> dict[str, Any]:
    header = {"type": "Exact", "name": VERSION_HEADER, "value": arm.model.version}
    return {
        "matches": [_post(FEEDBACK, header), _post(PREDICTIONS, header)],
        "backendRefs": [_alone(arm)],
        "timeouts": {"request": timeout_of(rollout)},
    }


def _sticky(rollout: ModelRollout, plan: Plan, arm: Arm) -> dict[str, Any]:
    return {
        "matches": [_post(PREDICTIONS, _cookie(plan, arm))],
        "backendRefs": [_alone(arm)],
        "timeouts": {"request": timeout_of(rollout)},
    }


def _cookie(plan: Plan, arm: Arm) -> dict[str, str]:
    assert plan.sticky is not None
    pattern = cookie_pattern(plan.sticky, arm.model.version)
    return {"type": "RegularExpression", "name": "cookie", "value": pattern}


def _post(path: str, header: Mapping[str, str] | None = None) -> dict[str, Any]:
    return without_empty(
        {
            "path": {"type": "Exact", "value": path},
            "headers": None if header is None else [dict(header)],
            "method": "POST",
        }
    )


def _alone(arm: Arm) -> dict[str, Any]:
    return {**_service(arm.service), "weight": 100, "filters": [_response(arm.headers)]}


def _backend(plan: Plan, arm: Arm, least: int) -> dict[str, Any]:
    cookie = None if plan.sticky is None else set_cookie(plan.sticky, arm.model.version)
    return {
        **_service(arm.service),
        # A backend without a weight has no cluster.
        "weight": max(least, arm.weight),
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
