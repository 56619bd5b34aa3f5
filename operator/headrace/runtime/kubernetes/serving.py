"""Who takes the users of a rollout whose status does not know: asked of the cluster itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from headrace.api import ModelRollout, ModelSpec
from headrace.engine.observations import Serving
from headrace.render.names import predictor_name, revision, seldon_name, version_name
from headrace.render.reading import model_in
from headrace.runtime.kubernetes.json_values import mapping, mappings
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, SELDON_DEPLOYMENT, Kind
from headrace.runtime.kubernetes.routes import RouteState

SERVERS = (DEPLOYMENT, SELDON_DEPLOYMENT)
"""The kinds of objects that run versions."""


def serving_of(
    rollout: ModelRollout,
    route: RouteState,
    servers: Iterable[tuple[Kind, Mapping[str, Any]]],
    answering: Collection[str] = (),
) -> tuple[Serving, ...]:
    """Say who takes users, in whole per cent.

    Args:
        rollout: Whose.
        route: What the router is told to carry, whether or not it says that it does.
        servers: What runs, each with its kind.
        answering: Revisions of which a server is seen to answer.
    """
    weights = {name: weight for name, weight in route.weights.items() if weight > 0}
    total = sum(weights.values())
    if not total:
        return ()
    models: dict[str, ModelSpec] = {}
    for kind, thing in servers:
        for model in _models_in(kind, thing):
            models |= dict.fromkeys(destinations(rollout, model), model)
    largest = max(weights, key=lambda name: weights[name])
    shares = {n: max(1, weight * 100 // total) for n, weight in weights.items() if n != largest}
    shares = {largest: 100 - sum(shares.values()), **shares}
    found = ((name, share, models.get(name)) for name, share in shares.items())
    return tuple(
        Serving(name, share, model, model is not None and revision(model) in answering)
        for name, share, model in found
    )


def _models_in(kind: Kind, thing: Mapping[str, Any]) -> Iterator[ModelSpec]:
    pods: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]
    if kind == DEPLOYMENT:
        template = mapping(thing, "spec", "template")
        pods = [(mapping(template, "metadata", "labels"), mapping(template, "spec"))]
    else:
        pods = [
            (mapping(predictor, "labels"), mapping(component, "spec"))
            for predictor in mappings(thing, "spec", "predictors")
            for component in mappings(predictor, "componentSpecs")
        ]
    for labels, pod in pods:
        model = model_in(labels, pod)
        if model is not None:
            yield model


def destinations(rollout: ModelRollout, model: ModelSpec) -> tuple[str, ...]:
    """Give the names by which routes know a version, whatever the spec says of how it runs."""
    predictor = f"{seldon_name(rollout)}-{predictor_name(model)}"
    return version_name(rollout, model), predictor, revision(model)
