"""The users' own part of the manifests: the patches of `spec.serving.template`, merged over ours.

A patch meets every object of its kind. `Pod` means the pods of the model servers, whether a
Deployment or Seldon's operator makes them; what of it says where pods may run, and with which
secrets they are pulled, holds for the comparator, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headrace.api import ModelRollout, ModelSpec
from headrace.api.fields import RuleBroken
from headrace.api.serving_template import PlacedPatch
from headrace.engine.plan import Plan
from headrace.errors import Fault, InvalidRollout
from headrace.render.labels import COMPONENT, MODEL_SERVER, REVISION
from headrace.render.manifest import Manifest
from headrace.render.names import revision
from headrace.render.ownership import changed
from headrace.render.strategic_merge import merged

PATH = "spec.serving.template"

_POD = "Pod"
_OF_ANY_POD = frozenset(
    {
        *("affinity", "dnsConfig", "dnsPolicy", "hostAliases", "imagePullSecrets", "nodeSelector"),
        *("priorityClassName", "runtimeClassName", "schedulerName", "tolerations"),
    }
)
"""Of a pod's spec: what is not about its containers."""


def customized(rollout: ModelRollout, plan: Plan, manifests: list[Manifest]) -> list[Manifest]:
    """Merge the template's patches; the given manifests are not changed.

    Args:
        rollout: Its spec has a template.
        plan: The versions that there are.
        manifests: As Headrace renders them.

    Raises:
        InvalidRollout: The template cannot be filled in or merged, or changes what is not its own;
            with every fault.
    """
    work = _Customization(rollout, plan)
    done = [work.of(each) for each in manifests]
    if work.faults:
        raise InvalidRollout(rollout.key, sorted(work.faults, key=lambda fault: fault.path))
    return done


def patches_for(rollout: ModelRollout, model: ModelSpec) -> tuple[PlacedPatch, ...]:
    """Give the patches for one version; none without a template.

    Raises:
        RuleBroken: The template's text cannot be filled in, or does not become patches.
    """
    template, metadata = rollout.spec.serving.template, rollout.metadata
    if template is None:
        return ()
    values = {
        "model": model.model_dump(include={"name", "version", "uri", "digest"}),
        "rollout": {"name": metadata.name, "namespace": metadata.namespace},
    }
    return template.filled(values)


class _Customization:
    """Merges patches over manifests, and collects what is wrong, each fault once."""

    def __init__(self, rollout: ModelRollout, plan: Plan) -> None:
        self._rollout = rollout
        self._models = {revision(model): model for model in plan.versions}
        self._filled: dict[ModelSpec, tuple[PlacedPatch, ...]] = {}
        self.faults: dict[Fault, None] = {}

    def of(self, manifest: Manifest) -> Manifest:
        """Give a manifest with its patches."""
        kind, spec = manifest["kind"], manifest.get("spec", {})
        patches = self._patches(manifest["metadata"]["labels"])
        if kind == "SeldonDeployment":
            predictors = [self._predictor(each) for each in spec["predictors"]]
            manifest = {**manifest, "spec": {**spec, "predictors": predictors}}
        elif kind == "Deployment":
            template = self._pod(spec["template"]["metadata"], spec["template"]["spec"], patches)
            manifest = {**manifest, "spec": {**spec, "template": template}}
        for placed in patches:
            if placed.patch.kind == kind:
                content = placed.patch.content
                if _is_beside(manifest):
                    content = {k: v for k, v in content.items() if k == "metadata"}
                manifest = self._merged(manifest, placed, content)
        return manifest

    def _predictor(self, predictor: dict[str, Any]) -> dict[str, Any]:
        (component,) = predictor["componentSpecs"]
        # The operator copies a predictor's labels and annotations to its pods.
        metadata = {part: predictor[part] for part in ("labels", "annotations")}
        pod = self._pod(metadata, component["spec"], self._patches(predictor["labels"]))
        components = [{**component, "spec": pod["spec"]}]
        return {**predictor, **pod["metadata"], "componentSpecs": components}

    def _pod(
        self, metadata: Mapping[str, Any], spec: Mapping[str, Any], patches: tuple[PlacedPatch, ...]
    ) -> dict[str, Any]:
        """Give a template of pods: metadata and spec."""
        pod = {"apiVersion": "v1", "kind": _POD, "metadata": metadata, "spec": spec}
        serves = metadata["labels"][COMPONENT] == MODEL_SERVER
        for placed in patches:
            if placed.patch.kind == _POD:
                content = placed.patch.content
                pod = self._merged(pod, placed, content if serves else _of_any_pod(content))
        return {"metadata": pod["metadata"], "spec": pod["spec"]}

    def _merged(self, whole: Manifest, placed: PlacedPatch, content: Mapping[str, Any]) -> Manifest:
        try:
            after = merged(whole, content)
        except RuleBroken as error:
            self._blame(placed.path, error.faults)
            return whole
        lost = list(changed(whole, after))
        for owned in lost:
            what = f"changes what Headrace owns of a {whole['kind']}"
            expected = f"it to stay as it is: {owned.why}"
            self._blame(placed.path, [Fault(owned.path, what, expected)])
        return whole if lost else after

    def _patches(self, labels: Mapping[str, str]) -> tuple[PlacedPatch, ...]:
        """Give the patches for the version that an object is of, else for that of the spec."""
        model = self._models.get(labels.get(REVISION, ""), self._rollout.spec.model)
        if model not in self._filled:
            try:
                self._filled[model] = patches_for(self._rollout, model)
            except RuleBroken as error:
                self._filled[model] = ()
                self._blame("", error.faults)
        return self._filled[model]

    def _blame(self, place: str, faults: Iterable[Fault]) -> None:
        for each in faults:
            path, problem = f"{PATH}.{place}".rstrip("."), each.problem
            if place == "jinja" and each.path:
                problem = f"makes a patch whose {each.path} {problem}"
            elif each.path:
                path = f"{path}.{each.path}"
            self.faults[Fault(path, problem, each.expected, each.example)] = None


def _is_beside(manifest: Manifest) -> bool:
    """Tell whether an object compares versions, and serves nobody."""
    if manifest["kind"] == "Service":
        return "clusterIP" in manifest["spec"]
    return bool(manifest["metadata"]["labels"].get(COMPONENT, MODEL_SERVER) != MODEL_SERVER)


def _of_any_pod(content: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(content)
    spec = kept.pop("spec", None)
    if isinstance(spec, Mapping):
        kept["spec"] = {name: value for name, value in spec.items() if name in _OF_ANY_POD}
    return kept
