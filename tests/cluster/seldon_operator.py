"""A double of the Seldon operator, which is not on any registry: its rules, and nothing else.

Read from its source (1.17.1), and what the renderer and the controller have to live with:

- Every predictor has a Deployment, and a Service of its own name.
- Its routes are rewritten only while *every* predictor's Deployment is fully ready. Until then
  users stay where they were, and what is no longer wanted stays, too.
- `traffic` and `replicas` restart no pods; annotations and the pod's own spec do.
- The weights of predictors that are no shadow sum to 100, a lone one has 0 or 100, and there is at
  most one shadow. Its webhook refuses anything else; this fails the test.
- `status.state` is `Available` or `Creating`, with no generation that it is about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, POD, SELDON_DEPLOYMENT, SERVICE

Object = dict[str, Any]

_HASH = "seldon-template"


@dataclass(frozen=True, slots=True)
class Route:
    """Where users are sent: what the operator has written last.

    Attributes:
        deployment: Name of the SeldonDeployment.
        predictor: Name of the predictor.
        version: As its annotation has it.
        weight: Per cent of the live requests, or of copies for a shadow.
        shadow: Whether it gets copies.
    """

    deployment: str
    predictor: str
    version: str
    weight: int
    shadow: bool


@dataclass(slots=True)
class SeldonOperator:
    """Reconciles the SeldonDeployments of a namespace.

    Attributes:
        cluster: Where.
        namespace: Whose.
        routes: By SeldonDeployment, its routes.
        restarted: Deployments whose pods were replaced, by their names.
        held: How often routes could not be written because something was not ready.
    """

    cluster: Cluster
    namespace: str
    routes: dict[str, list[Route]] = field(default_factory=dict)
    restarted: list[str] = field(default_factory=list)
    held: int = 0

    def reconcile(self) -> None:
        """Do everything that is due once."""
        for deployment in self.cluster.list(SELDON_DEPLOYMENT, self.namespace)[0]:
            self._reconcile(deployment)

    def _reconcile(self, owner: Object) -> None:
        predictors = owner["spec"]["predictors"]
        check_predictors(predictors)
        name = owner["metadata"]["name"]
        wanted = {f"{name}-{each['name']}": each for each in predictors}
        for service, predictor in wanted.items():
            self._serve(service)
            self._deploy(owner, service, predictor)
        made = self._made(name)
        ready = all(_is_ready(made.get(f"{service}-0-model")) for service in wanted)
        if ready:
            self.routes[name] = [_route(name, predictor) for predictor in predictors]
            for service in sorted({each.removesuffix("-0-model") for each in made} - wanted.keys()):
                self._remove(service)
        else:
            self.held += 1
        state = "Available" if ready else "Creating"
        if (owner.get("status") or {}).get("state") != state:
            kind = {"apiVersion": SELDON_DEPLOYMENT.api_version, "kind": SELDON_DEPLOYMENT.kind}
            self.cluster.replace_status({**owner, **kind, "status": {"state": state}})

    def _made(self, name: str) -> dict[str, Object]:
        found = self.cluster.list(DEPLOYMENT, self.namespace, f"seldon-deployment-id={name}")[0]
        return {each["metadata"]["name"]: each for each in found}

    def _serve(self, name: str) -> None:
        if self.cluster.get(SERVICE, self.namespace, name) is None:
            self.cluster.create(
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": name, "namespace": self.namespace},
                    "spec": {"ports": [{"port": 8000}]},
                }
            )

    def _deploy(self, owner: Object, service: str, predictor: Object) -> None:
        metadata = owner["metadata"]
        name = f"{service}-0-model"
        annotations = {
            **(owner["spec"].get("annotations") or {}),
            **(predictor.get("annotations") or {}),
        }
        marked = json.dumps([annotations, predictor["componentSpecs"]], sort_keys=True)
        annotations[_HASH] = hashlib.sha256(marked.encode()).hexdigest()[:10]
        labels = {**predictor["labels"], "seldon-deployment-id": metadata["name"]}
        pod = {"containers": [{"name": "model", "image": "model-server"}]}
        scaled = predictor["componentSpecs"][0].get("hpaSpec") or {}
        replicas = predictor.get("replicas", scaled.get("minReplicas", 1))
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": {"seldon-app": service}},
            "template": {
                "metadata": {
                    "labels": {**labels, "seldon-app": service},
                    "annotations": annotations,
                },
                "spec": pod,
            },
        }
        found = self.cluster.get(DEPLOYMENT, self.namespace, name)
        if found is None:
            reference = {
                "apiVersion": SELDON_DEPLOYMENT.api_version,
                "kind": SELDON_DEPLOYMENT.kind,
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": True,
            }
            made = {
                "name": name,
                "namespace": self.namespace,
                "labels": labels,
                "ownerReferences": [reference],
            }
            kind = {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind}
            found = self.cluster.create({**kind, "metadata": made, "spec": spec})
        before = found["spec"]["template"]["metadata"].get("annotations", {}).get(_HASH)
        if before != annotations[_HASH]:
            self.restarted.append(name)
        if before != annotations[_HASH] or found["spec"]["replicas"] != replicas:
            change = {"replicas": replicas, "template": spec["template"]}
            found = self.cluster.patch(DEPLOYMENT, self.namespace, name, {"spec": change})
        self._run(found, replicas, annotations[_HASH])

    def _run(self, deployment: Object, replicas: int, template: str) -> None:
        """Have its pods, as ready as the Deployment says; a kubelet's part."""
        name = deployment["metadata"]["name"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        available = (deployment.get("status") or {}).get("availableReplicas", 0)
        wanted = {f"{name}-{template}-{index}": index for index in range(replicas)}
        found = {
            each["metadata"]["name"]: each
            for each in self.cluster.list(POD, self.namespace)[0]
            if each["metadata"]["labels"].get("seldon-app") == labels["seldon-app"]
        }
        for gone in found.keys() - wanted.keys():
            self._delete(POD, gone)
        for pod, index in wanted.items():
            one = found.get(pod)
            if one is None:
                metadata = {"name": pod, "namespace": self.namespace, "labels": labels}
                spec = deployment["spec"]["template"]["spec"]
                one = self.cluster.create(
                    {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
                )
            truth = "True" if index < available else "False"
            conditions = (one.get("status") or {}).get("conditions") or ()
            if [each["status"] for each in conditions if each["type"] == "Ready"] != [truth]:
                status = {"phase": "Running", "conditions": [{"type": "Ready", "status": truth}]}
                kind = {"apiVersion": "v1", "kind": "Pod"}
                self.cluster.replace_status({**one, **kind, "status": status})

    def _remove(self, service: str) -> None:
        for pod in self.cluster.list(POD, self.namespace, f"seldon-app={service}")[0]:
            self._delete(POD, pod["metadata"]["name"])
        self._delete(DEPLOYMENT, f"{service}-0-model")
        self._delete(SERVICE, service)

    def _delete(self, kind: Any, name: str) -> None:
        found = self.cluster.get(kind, self.namespace, name)
        if found is not None:
            self.cluster.delete(kind, self.namespace, name, found["metadata"]["uid"])


def check_predictors(predictors: list[Object]) -> None:
    """Insist on what the operator's webhook does."""
    shadows = [each for each in predictors if each.get("shadow")]
    weights = [each.get("traffic", 0) for each in predictors if each not in shadows]
    assert len(shadows) <= 1, "at most one shadow"
    assert sum(weights) == 100 or (len(predictors) == 1 and weights == [0]), weights


def _is_ready(deployment: Mapping[str, Any] | None) -> bool:
    if deployment is None:
        return False
    status = deployment.get("status") or {}
    wanted = deployment["spec"]["replicas"]
    current = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return bool(current and status.get("availableReplicas", 0) == wanted)


def _route(deployment: str, predictor: Mapping[str, Any]) -> Route:
    return Route(
        deployment,
        predictor["name"],
        predictor["annotations"]["version"],
        predictor.get("traffic", 0),
        bool(predictor.get("shadow")),
    )
