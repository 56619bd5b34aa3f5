"""Which predictors a SeldonDeployment has for a while beside, or without, those that it should.

Deployments of versions that go are deleted after the router has taken over the new route. Of a
SeldonDeployment's predictors none can be deleted alone: the object is applied without it. So it is
first applied with it, as the last of them and with no traffic of the operator's own.

Where the operator routes itself, it moves no users while any predictor is not ready. So one that is
not, and that users are to be taken from, is left out until they have moved, and put back then. The
stable version must get them: of that, only the servers that are ready are asked for until then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from headrace.render.labels import REVISION
from headrace.render.manifest import Manifest
from headrace.runtime.kubernetes.json_values import count, mappings, text
from headrace.runtime.kubernetes.pods import PodState
from headrace.runtime.kubernetes.routes import RouteState
from headrace.runtime.kubernetes.seen import APPLIED, Seen

_WITHOUT, _ONLY = " without ", " with only "


def services_of(manifest: Manifest) -> frozenset[str]:
    """Name the Services of a SeldonDeployment's predictors."""
    name = text(manifest, "metadata", "name")
    predictors = mappings(manifest, "spec", "predictors")
    return frozenset(f"{name}-{text(each, 'name')}" for each in predictors)


def with_predictors(
    manifest: Manifest, live: dict[str, Any] | None, kept: Collection[str], mark: str
) -> Manifest:
    """Add to a SeldonDeployment what it should not have for much longer.

    Args:
        manifest: What it should be.
        live: What it is; None if it is gone.
        kept: The Services of predictors to be kept.
        mark: Takes the place of the digest, so that it does not pass for what it should be.
    """
    name = text(manifest, "metadata", "name")
    more = [
        {**each, "traffic": 0}
        for each in mappings(live, "spec", "predictors")
        if f"{name}-{text(each, 'name')}" in kept
    ]
    return _changed(manifest, [*manifest["spec"]["predictors"], *more], mark)


def in_the_way(manifest: Manifest, seen: Seen, children: Iterable[Seen]) -> frozenset[str]:
    """Name the predictors without which the operator can take their users from them.

    Args:
        manifest: What the SeldonDeployment should be, with the operator's own routing.
        seen: What it is.
        children: All that was seen of the rollout.
    """
    reading = seen.reading
    if not isinstance(reading, RouteState):
        return frozenset()
    pods: dict[str, list[PodState]] = {}
    for each in children:
        if isinstance(each.reading, PodState):
            pods.setdefault(each.revision, []).append(each.reading)
    name, out = text(manifest, "metadata", "name"), _left_out(seen.applied)
    found = set()
    for predictor in mappings(manifest, "spec", "predictors"):
        mine, own = text(predictor, "name"), pods.get(text(predictor, "labels", REVISION), [])
        if predictor.get("shadow") or count(predictor, "traffic") or _is_ready(predictor, own):
            continue
        # The operator deletes its pods after it has moved their users.
        moving = mine in out and (bool(own) or not reading.taken)
        if moving or reading.weights.get(f"{name}-{mine}", 0):
            found.add(mine)
    return frozenset(found)


def without_predictors(manifest: Manifest, names: Collection[str]) -> Manifest:
    """Leave predictors out of a SeldonDeployment; its mark says which."""
    left = [each for each in manifest["spec"]["predictors"] if each["name"] not in names]
    digest = manifest["metadata"]["annotations"][APPLIED]
    return _changed(manifest, left, f"{digest}{_WITHOUT}{', '.join(sorted(names))}")


def servers_for_now(
    manifest: Manifest,
    seen: Seen,
    children: Iterable[Seen],
    stable: str,
    *,
    is_moving: bool,
    retreating: bool,
    arrived: bool,
) -> int | None:
    """Give how many servers the stable predictor should have until it has got users back.

    The ones that are not ready serve nobody, and the operator would wait for them.

    Args:
        manifest: What the SeldonDeployment should be, with the operator's own routing.
        seen: What it is.
        children: All that was seen of the rollout.
        stable: The predictor's name.
        is_moving: Whether predictors are left out until their users have moved.
        retreating: Whether candidates are on their way out.
        arrived: Whether users were seen to have moved; nobody would see it once the operator waits
            for servers again.

    Returns:
        None for all that it should have: no users are on their way to it, it is ready, it has no
        server at all, or an autoscaler has the number.
    """
    reading, name = seen.reading, text(manifest, "metadata", "name")
    predictors = {text(each, "name"): each for each in mappings(manifest, "spec", "predictors")}
    own = predictors.get(stable)
    if own is None or "replicas" not in own or not isinstance(reading, RouteState):
        return None
    wanted = {text(each, "labels", REVISION) for each in predictors.values()}
    pods = [each for each in children if isinstance(each.reading, PodState) and not each.leaving]
    losing = any(
        weight and service != f"{name}-{stable}" and not _share(predictors, name, service)
        for service, weight in reading.weights.items()
    )
    going = retreating and (not arrived or any(each.revision not in wanted for each in pods))
    if not (losing or going or is_moving):
        return None
    revision = text(own, "labels", REVISION)
    states = [each.reading for each in pods if each.revision == revision]
    ready = sum(isinstance(state, PodState) and state.ready for state in states)
    return ready if 0 < ready < count(own, "replicas") else None


def with_servers(manifest: Manifest, name: str, servers: int) -> Manifest:
    """Have fewer servers of a predictor; the SeldonDeployment's mark says how many."""
    predictors = [
        {**each, "replicas": servers} if each["name"] == name else each
        for each in manifest["spec"]["predictors"]
    ]
    return _changed(manifest, predictors, f"{mark_of(manifest)}{_ONLY}{servers}")


def _share(predictors: Mapping[str, Mapping[str, Any]], name: str, service: str) -> int:
    found = predictors.get(service.removeprefix(f"{name}-"), {})
    return 0 if found.get("shadow") else count(found, "traffic")


def mark_of(manifest: Manifest) -> str:
    """Give what a manifest is known by once it is applied."""
    return text(manifest, "metadata", "annotations", APPLIED)


def _left_out(mark: str) -> list[str]:
    return mark.partition(_ONLY)[0].partition(_WITHOUT)[2].split(", ")


def _is_ready(predictor: Mapping[str, Any], pods: Collection[PodState]) -> bool:
    running = sum(not pod.over for pod in pods)
    return 0 < count(predictor, "replicas", default=max(1, running)) <= sum(p.ready for p in pods)


def _changed(manifest: Manifest, predictors: list[dict[str, Any]], mark: str) -> Manifest:
    metadata = manifest["metadata"]
    annotations = {**metadata["annotations"], APPLIED: mark}
    return {
        **manifest,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**manifest["spec"], "predictors": predictors},
    }
