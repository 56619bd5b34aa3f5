"""What a router's object carries: who gets how much, and whether the router has taken it over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.render.labels import REVISION
from headrace.runtime.kubernetes.json_values import count, mapping, mappings, text
from headrace.runtime.kubernetes.kinds import (
    HTTP_ROUTE,
    SELDON_DEPLOYMENT,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)

LIVE = "live"
"""The rule that splits live requests, as Istio's renderer names it."""


@dataclass(frozen=True, slots=True)
class RouteState:
    """What a route carries.

    Attributes:
        weights: Live requests in per cent, by destination: a Service's name, or the revision that
            a Service selects.
        mirror: Destination of copies, and per cent of live requests; None without copies.
        services: Every Service that it names.
        taken: Whether the router says that it does as the object says; None if it is of those that
            never say.
        problem: What the router has against it; empty if nothing.
    """

    weights: Mapping[str, int] = field(default_factory=dict)
    mirror: tuple[str, int] | None = None
    services: frozenset[str] = frozenset()
    taken: bool | None = None
    problem: str = ""


def read_route(kind: Kind, route: Mapping[str, Any]) -> RouteState | None:
    """Read a route, in the cluster or about to be applied; None for what routes nothing."""
    if kind == HTTP_ROUTE:
        return _http_route(route)
    if kind == VIRTUAL_SERVICE:
        return _virtual_service(route)
    if kind == SELDON_DEPLOYMENT:
        return _seldon_deployment(route)
    if kind == SERVICE:
        return _service(route)
    return None


def _http_route(route: Mapping[str, Any]) -> RouteState:
    rules = list(mappings(route, "spec", "rules"))
    # Not by its name, which an older CRD drops.
    live = next((rule for rule in rules if _is_open(rule)), {})
    weights: dict[str, int] = {}
    for backend in mappings(live, "backendRefs"):
        _add(weights, text(backend, "name"), count(backend, "weight", default=1))
    mirror = None
    for copy in mappings(live, "filters"):
        named = mapping(copy, "requestMirror")
        if named:
            percent = count(named, "percent", default=100)
            mirror = (text(named, "backendRef", "name"), percent)
    named_services = [
        text(backend, "name") for rule in rules for backend in mappings(rule, "backendRefs")
    ]
    taken, problem = _parents(route)
    return RouteState(weights, mirror, _services(named_services, mirror), taken, problem)


def _is_open(rule: Mapping[str, Any]) -> bool:
    """Tell whether a rule takes the requests of everybody."""
    matches = list(mappings(rule, "matches"))
    return not matches or any(not list(mappings(match, "headers")) for match in matches)


def _parents(route: Mapping[str, Any]) -> tuple[bool, str]:
    """Tell whether every gateway of a route has taken it over as it is now."""
    named = {_gateway(route, each) for each in mappings(route, "spec", "parentRefs")}
    parents = [
        parent
        for parent in mappings(route, "status", "parents")
        if _gateway(route, mapping(parent, "parentRef")) in named
    ]
    if not parents:
        return False, ""
    generation = count(route, "metadata", "generation")
    for parent in parents:
        conditions = {text(each, "type"): each for each in mappings(parent, "conditions")}
        for kind in ("Accepted", "ResolvedRefs"):
            condition = conditions.get(kind)
            if condition is None:
                if kind == "Accepted":
                    return False, ""
                continue
            if count(condition, "observedGeneration") < generation:
                return False, ""
            if condition.get("status") != "True":
                reason, message = text(condition, "reason"), text(condition, "message")
                return False, f"{reason}: {message}" if message else reason
    return True, ""


def _gateway(route: Mapping[str, Any], reference: Mapping[str, Any]) -> tuple[str, str]:
    namespace = text(reference, "namespace") or text(route, "metadata", "namespace")
    return namespace, text(reference, "name")


def _virtual_service(route: Mapping[str, Any]) -> RouteState:
    rules = list(mappings(route, "spec", "http"))
    live = next((rule for rule in rules if rule.get("name") == LIVE), {})
    weights: dict[str, int] = {}
    for target in mappings(live, "route"):
        _add(weights, _host(mapping(target, "destination")), count(target, "weight"))
    mirror = None
    if mapping(live, "mirror"):
        share = mapping(live, "mirrorPercentage").get("value", 100)
        percent = round(share) if isinstance(share, int | float) and 0 <= share <= 100 else 0
        mirror = (_host(mapping(live, "mirror")), percent)
    named = [
        _host(mapping(target, "destination"))
        for rule in rules
        for target in mappings(rule, "route")
    ]
    return RouteState(weights, mirror, _services(named, mirror))


def _seldon_deployment(deployment: Mapping[str, Any]) -> RouteState:
    name = text(deployment, "metadata", "name")
    weights: dict[str, int] = {}
    mirror = None
    for predictor in mappings(deployment, "spec", "predictors"):
        service, share = f"{name}-{text(predictor, 'name')}", count(predictor, "traffic")
        if predictor.get("shadow") is True:
            mirror = (service, share)
        else:
            _add(weights, service, share)
    state = text(deployment, "status", "state")
    problem = text(deployment, "status", "description") if state == "Failed" else ""
    return RouteState(
        weights,
        mirror,
        _services(weights, mirror),
        state == "Available",
        problem,
    )


def _service(service: Mapping[str, Any]) -> RouteState | None:
    if text(service, "metadata", "labels", REVISION):
        return None  # of one version only: it is what routes lead to
    revision = text(service, "spec", "selector", REVISION)
    return RouteState({revision: 100}) if revision else None


def _host(destination: Mapping[str, Any]) -> str:
    return text(destination, "host").split(".", 1)[0]


def _add(weights: dict[str, int], name: str, weight: int) -> None:
    if name:
        weights[name] = weights.get(name, 0) + weight


def _services(names: Iterable[str], mirror: tuple[str, int] | None) -> frozenset[str]:
    copied = () if mirror is None else (mirror[0],)
    return frozenset(name for name in (*names, *copied) if name)
