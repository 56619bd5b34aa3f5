"""What the engine is told of a rollout, from the objects that were seen of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from headrace.api import ModelRollout, ModelSpec, Status, Traffic
from headrace.engine.observations import VersionState, World
from headrace.render.names import revision, rollout_name, seldon_name, service_name, version_name
from headrace.runtime.kubernetes.deployments import DeploymentState
from headrace.runtime.kubernetes.kinds import (
    HTTP_ROUTE,
    SELDON_DEPLOYMENT,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from headrace.runtime.kubernetes.pods import PodState
from headrace.runtime.kubernetes.retreats import read_retreat
from headrace.runtime.kubernetes.routes import RouteState
from headrace.runtime.kubernetes.seen import Seen
from headrace.runtime.kubernetes.tally import Tally

_ROUTERS: Mapping[str, Kind] = {
    "GatewayAPI": HTTP_ROUTE,
    "Istio": VIRTUAL_SERVICE,
    "Seldon": SELDON_DEPLOYMENT,
    "None": SERVICE,
}
"""What carries the requests, by provider."""


def models_of(status: Status) -> tuple[ModelSpec, ...]:
    """Give every version that a status names as one that may have servers, each once."""
    previous = None if status.previous is None else status.previous.model
    challengers = (challenger.model for challenger in status.challengers)
    named = (status.stable, status.candidate, *challengers, previous)
    return tuple({model.version: model for model in named if model is not None}.values())


def world_of(
    rollout: ModelRollout,
    models: Sequence[ModelSpec],
    children: Iterable[Seen],
    tallies: Mapping[str, Tally],
) -> World:
    """Say what exists.

    Args:
        rollout: Whose status says which version has which role.
        models: The versions that may have servers.
        children: All that was seen of the rollout.
        tallies: Counts restarts, by version; they are moved on.
    """
    seen = [each for each in children if not each.leaving or isinstance(each.reading, PodState)]
    deployments = {e.name: e.reading for e in seen if isinstance(e.reading, DeploymentState)}
    versions = {}
    for model in models:
        named = revision(model)
        pods = {
            each.uid: each.reading
            for each in seen
            if each.revision == named and isinstance(each.reading, PodState)
        }
        restarts, kills = tallies[model.version].count(pods)
        deployment = deployments.get(version_name(rollout, model))
        versions[model.version] = _state(rollout, deployment, [*pods.values()], restarts, kills)
    router = _router(rollout, _ROUTERS[rollout.spec.routing.provider], seen)
    return World(
        versions=versions,
        traffic=_traffic(rollout, models, seen),
        retreat=None if router is None else read_retreat(router.retreat),
    )


def route_of(rollout: ModelRollout, children: Iterable[Seen]) -> RouteState | None:
    """Find what routes a rollout's requests; None if nothing does yet."""
    return _route(rollout, _ROUTERS[rollout.spec.routing.provider], children)


def carrying(rollout: ModelRollout, children: Collection[Seen]) -> RouteState | None:
    """Find what gives a rollout's users to anybody: its router, else one that it had before."""
    kinds = (_ROUTERS[rollout.spec.routing.provider], *_ROUTERS.values())
    routes = (_route(rollout, kind, children) for kind in kinds)
    return next((each for each in routes if each is not None and any(each.weights.values())), None)


def _route(rollout: ModelRollout, kind: Kind, children: Iterable[Seen]) -> RouteState | None:
    router = _router(rollout, kind, children)
    reading = None if router is None else router.reading
    return reading if isinstance(reading, RouteState) else None


def _router(rollout: ModelRollout, kind: Kind, children: Iterable[Seen]) -> Seen | None:
    name = seldon_name(rollout) if kind == SELDON_DEPLOYMENT else rollout_name(rollout)
    for each in children:
        if each.kind == kind and each.name == name and isinstance(each.reading, RouteState):
            return each
    return None


def answering(children: Iterable[Seen]) -> frozenset[str]:
    """Give the revisions of which at least one server is seen to answer."""
    return frozenset(
        each.revision
        for each in children
        if isinstance(each.reading, DeploymentState | PodState) and each.reading.ready
    )


def _state(
    rollout: ModelRollout,
    deployment: DeploymentState | None,
    pods: list[PodState],
    restarts: int,
    oom_kills: int,
) -> VersionState:
    serving = rollout.spec.serving
    if serving.backend == "Seldon":
        # The operator's Deployments are its own; the pods are what carries our labels.
        running = sum(not pod.over for pod in pods)
        wanted = max(serving.replicas, running) if serving.autoscaling else serving.replicas
        ready = sum(pod.ready for pod in pods)
    else:
        wanted = serving.replicas if deployment is None else deployment.wanted
        ready = 0 if deployment is None else deployment.ready
    last = max(pods, key=lambda pod: pod.ended, default=None)
    refused = next((pod.refused for pod in pods if pod.refused), "")
    current = sorted(pods, key=lambda pod: pod.over)
    reasons = [pod.waiting for pod in current]
    if deployment is not None and not pods:
        reasons = [deployment.problem]
    return VersionState(
        wanted=wanted,
        ready=ready,
        restarts=restarts,
        # What other servers have loaded can be served.
        refused="" if ready else refused,
        oom_kills=oom_kills,
        last_reason="" if last is None else last.ending,
        waiting="" if ready >= wanted else next(filter(None, reasons), ""),
    )


def _traffic(
    rollout: ModelRollout, models: Sequence[ModelSpec], seen: Iterable[Seen]
) -> Traffic | None:
    """Give what the router carries; None while it has not said that it does."""
    route = route_of(rollout, seen)
    if route is None:
        return Traffic()
    if route.taken is False:
        return None
    versions = {service_name(rollout, model): model.version for model in models}
    versions |= {revision(model): model.version for model in models}
    weights: dict[str, int] = {}
    for destination, weight in route.weights.items():
        version = versions.get(destination, destination)
        weights[version] = weights.get(version, 0) + weight
    status = rollout.status
    stable, candidate = status.stable or status.candidate, status.candidate
    first = "" if stable is None else stable.version
    second = "" if candidate is None or candidate == stable else candidate.version
    copies = route.mirror
    mirrored = copies is not None and second and versions.get(copies[0]) == second
    return Traffic(
        stable=weights.pop(first, 0),
        candidate=weights.pop(second, 0),
        mirror=copies[1] if mirrored and copies is not None else 0,
        challengers={version: weight for version, weight in weights.items() if weight},
    )
