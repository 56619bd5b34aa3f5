"""What stays Headrace's own in manifests, however users change the rest.

Compared are the values before and after: a patch that says the same is no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.render.pods import BUNDLE, CLAIM, CONTAINER, FETCHING

_NAMES = "Headrace finds its objects by it"
_IT_RUNS = "the model server runs with it, and its checks rest on it"
_WHY: Mapping[str, str] = {
    "image": "spec.serving.image says it",
    "args": "it names the model and its digest, of which spec.model says what there is to say",
    "lifecycle": "routers need a while to forget a pod that ends",
}
_OF_OTHERS = "it follows from the plan, and only labels and annotations can be added"


@dataclass(frozen=True, slots=True)
class Owned:
    """One value.

    Attributes:
        path: From the object on, as people write it; empty for all of it.
        value: What it is; None if it is not there, and must not be.
        why: Why it stays, as a clause.
    """

    path: str
    value: Any
    why: str


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Owned]:
    """Give what of an object's own values a patch has changed.

    Args:
        before: The object as it was rendered; `kind: Pod` for a template of pods.
        after: The same with the patch.
    """
    owned = _OWNED.get(before["kind"], _only_metadata)
    now = {each.path: each.value for each in (*_common(after), *owned(after))}
    for each in (*_common(before), *owned(before)):
        if now.get(each.path) != each.value:
            yield each


def _common(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    metadata = manifest.get("metadata", {})
    for name in ("apiVersion", "kind"):
        yield Owned(name, manifest.get(name), _NAMES)
    for name in ("name", "namespace"):
        yield Owned(f"metadata.{name}", metadata.get(name), _NAMES)
    yield from _labels(manifest)


def _labels(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    metadata = manifest.get("metadata", {})
    for part in ("labels", "annotations"):
        for name, value in metadata.get(part, {}).items():
            yield Owned(f"metadata.{part}[{name}]", value, _NAMES)


def _only_metadata(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    content = {k: v for k, v in manifest.items() if k not in ("apiVersion", "kind", "metadata")}
    yield Owned("", content, _OF_OTHERS)


def _deployment(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    spec = manifest.get("spec", {})
    count = "spec.serving.replicas or an autoscaler says it"
    yield Owned("spec.replicas", spec.get("replicas"), count)
    yield Owned("spec.selector", spec.get("selector"), "it leads to the pods of one version")
    yield Owned("spec.paused", spec.get("paused"), "a Deployment that waits never becomes ready")
    template = spec.get("template", {})
    for each in (*_labels(template), *_pod(template)):
        yield Owned(f"spec.template.{each.path}", each.value, each.why)


def _pod(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    spec = manifest.get("spec", {})
    account = spec.get("serviceAccountName")
    yield Owned("spec.serviceAccountName", account, "spec.serving.serviceAccount says it")
    grace = spec.get("terminationGracePeriodSeconds")
    yield Owned("spec.terminationGracePeriodSeconds", grace, "requests in flight need it")
    for part, name, fields in (
        ("initContainers", FETCHING, ("image", "command", "args", "workingDir")),
        ("containers", CONTAINER, ("image", "command", "args", "workingDir", "lifecycle")),
    ):
        container = _named(spec.get(part, []), name)
        path = f"spec.{part}[{name}]"
        for field in fields:
            yield Owned(f"{path}.{field}", container.get(field), _WHY.get(field, _IT_RUNS))
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container.get(probe, {}).get("httpGet")
            yield Owned(f"{path}.{probe}.httpGet", asked, "ready means that the model is loaded")
        variables = container.get("env", [])
        yield from _entries(f"{path}.env", variables, "name", _is_ours)
        own = [each for each in variables if _is_ours(str(each.get("name")))]
        yield Owned(f"{path}.env", len(own), "variables of these names are Headrace's")
        yield from _entries(f"{path}.ports", container.get("ports", []), "containerPort")
        yield from _entries(f"{path}.volumeMounts", container.get("volumeMounts", []), "mountPath")
    yield from _entries(
        "spec.volumes", spec.get("volumes", []), "name", {BUNDLE, CLAIM}.__contains__
    )


def _service(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    spec = manifest.get("spec", {})
    yield Owned("spec.selector", spec.get("selector"), "it leads to one version")
    yield Owned("spec.clusterIP", spec.get("clusterIP"), "a Service's address is the cluster's")
    yield from _entries("spec.ports", spec.get("ports", []), "port")


def _autoscaler(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    spec = manifest.get("spec", {})
    yield Owned("spec.scaleTargetRef", spec.get("scaleTargetRef"), "it scales one version")
    yield Owned("spec.minReplicas", spec.get("minReplicas"), "spec.serving.replicas says it")
    most = "spec.serving.autoscaling.maxReplicas says it"
    yield Owned("spec.maxReplicas", spec.get("maxReplicas"), most)


def _selecting(field: str) -> Callable[[Mapping[str, Any]], Iterator[Owned]]:
    def owned(manifest: Mapping[str, Any]) -> Iterator[Owned]:
        value = manifest.get("spec", {}).get(field)
        yield Owned(f"spec.{field}", value, "it selects the pods of one version")

    return owned


def _nothing_more(manifest: Mapping[str, Any]) -> Iterator[Owned]:
    yield from ()


def _is_ours(name: str) -> bool:
    # How many threads answer is for whoever tunes it; how many workers is not, as each of them
    # would count for itself.
    tuned = ("GUNICORN_THREADS", "GUNICORN_KEEPALIVE", "PYTHONUNBUFFERED")
    mine = ("HEADRACE_", "GUNICORN_", "PREDICTIVE_UNIT_")
    return name not in tuned and name.startswith(mine)


def _entries(
    path: str,
    entries: Sequence[Mapping[str, Any]],
    key: str,
    ours: Callable[[str], bool] = lambda name: True,
) -> Iterator[Owned]:
    for each in entries:
        if ours(str(each.get(key))):
            yield Owned(f"{path}[{each.get(key)}]", each, _IT_RUNS)


def _named(entries: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return next((each for each in entries if each.get("name") == name), {})


_OWNED: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Owned]]] = {
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "NetworkPolicy": _selecting("podSelector"),
    "Pod": _pod,
    "PodDisruptionBudget": _selecting("selector"),
    "PodMonitor": _selecting("selector"),
    "Service": _service,
    "ServiceAccount": _nothing_more,
}
