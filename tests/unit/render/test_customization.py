"""The users' own part of the manifests: what it reaches, and what it must leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.api import ModelRollout, parse_rollout
from headrace.errors import InvalidRollout
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import stages
from tests.unit.render.rollouts import built, model

POD = {
    "kind": "Pod",
    "metadata": {"labels": {"team": "ml"}, "annotations": {"note": "x"}},
    "spec": {
        "nodeSelector": {"pool": "models"},
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [{"name": "logger", "image": "log:1"}],
    },
}


def with_patches(
    *patches: dict[str, Any], backend: str = "Kubernetes", **more: Any
) -> ModelRollout:
    serving = {"backend": backend, "template": {"patches": list(patches)}, **more}
    return built(serving=serving, monitoring={"provider": "PrometheusOperator", "dashboard": True})


def with_text(text: str) -> ModelRollout:
    return built(serving={"template": {"jinja": text}})


def shadowing(rollout: ModelRollout) -> list[Manifest]:
    (stage,) = (s for s in stages(rollout, model("6")) if s.name == "shadow:30")
    return render(rollout, stage.plan)


def deployments(manifests: list[Manifest], component: str = "model-server") -> list[Manifest]:
    found = [each for each in manifests if each["kind"] == "Deployment"]
    label = "app.kubernetes.io/component"
    return [d for d in found if d["spec"]["template"]["metadata"]["labels"][label] == component]


def faults_of(rollout: ModelRollout) -> list[str]:
    with pytest.raises(InvalidRollout) as caught:
        shadowing(rollout)
    return [str(fault).removeprefix("spec.serving.template.") for fault in caught.value.faults]


def test_a_patch_of_pods_reaches_every_version() -> None:
    found = deployments(shadowing(with_patches(POD)))
    assert len(found) == 2
    for deployment in found:
        template = deployment["spec"]["template"]
        assert template["metadata"]["labels"]["team"] == "ml"
        assert template["metadata"]["annotations"]["note"] == "x"
        assert template["spec"]["nodeSelector"] == {"pool": "models"}
        assert [each["name"] for each in template["spec"]["containers"]] == ["model", "logger"]
        assert "team" not in deployment["metadata"]["labels"]


def test_the_comparator_runs_where_the_others_do_without_their_sidecars() -> None:
    (comparator,) = deployments(shadowing(with_patches(POD)), "comparator")
    template = comparator["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "ml"
    assert template["spec"]["nodeSelector"] == {"pool": "models"}
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert [each["name"] for each in template["spec"]["containers"]] == ["comparator"]


def test_a_patch_of_pods_reaches_those_that_seldon_makes() -> None:
    (deployment,) = (
        each
        for each in shadowing(with_patches(POD, backend="Seldon"))
        if each["kind"] == "SeldonDeployment"
    )
    for predictor in deployment["spec"]["predictors"]:
        assert predictor["labels"]["team"] == "ml"
        assert predictor["annotations"]["note"] == "x"
        spec = predictor["componentSpecs"][0]["spec"]
        assert spec["nodeSelector"] == {"pool": "models"}
        assert [each["name"] for each in spec["containers"]] == ["model", "logger"]


@pytest.mark.parametrize(
    "kind", ["HTTPRoute", "PodMonitor", "PrometheusRule", "ConfigMap", "Service"]
)
def test_labels_and_annotations_can_be_added_to_what_a_rollout_has(kind: str) -> None:
    metadata = {"labels": {"release": "prometheus"}, "annotations": {"a": "b"}}
    manifests = shadowing(with_patches({"kind": kind, "metadata": metadata}))
    found = [each["metadata"] for each in manifests if each["kind"] == kind]
    assert found
    for each in found:
        assert each["labels"]["release"] == "prometheus"
        assert each["annotations"]["a"] == "b"


def test_a_text_is_filled_in_for_each_version() -> None:
    text = (
        'kind: Pod\nmetadata: {annotations: {v: "{{ model.version }}", r: "{{ rollout.name }}"}}\n'
    )
    found = deployments(shadowing(with_text(text)))
    noted = [each["spec"]["template"]["metadata"]["annotations"] for each in found]
    assert [(each["v"], each["r"]) for each in noted] == [
        ("6", "flight-delay"),
        ("7", "flight-delay"),
    ]


def test_what_headrace_renders_without_a_template_is_not_touched() -> None:
    assert shadowing(built()) == shadowing(built(serving={}))
    some = with_patches({"kind": "Pod", "spec": {}})
    none = built(monitoring={"provider": "PrometheusOperator", "dashboard": True})
    assert shadowing(some) == shadowing(none)


def container(**fields: object) -> dict[str, Any]:
    return {"kind": "Pod", "spec": {"containers": [{"name": "model", **fields}]}}


OWNED: dict[str, tuple[dict[str, Any], str]] = {
    "the name": ({"kind": "Deployment", "apiVersion": "v2"}, "apiVersion"),
    "a label that selects": (
        {"kind": "Pod", "metadata": {"labels": {"headrace.dev/revision": "x"}}},
        "metadata.labels[headrace.dev/revision]",
    ),
    "the version's label": (
        {"kind": "Service", "metadata": {"labels": {"headrace.dev/version": "x"}}},
        "metadata.labels[headrace.dev/version]",
    ),
    "the selector": ({"kind": "Deployment", "spec": {"selector": {"a": "b"}}}, "spec.selector"),
    "the replicas": ({"kind": "Deployment", "spec": {"replicas": 9}}, "spec.replicas"),
    "a pause": ({"kind": "Deployment", "spec": {"paused": True}}, "spec.paused"),
    "the pods of a Deployment": (
        {"kind": "Deployment", "spec": {"template": {"spec": {"serviceAccountName": "x"}}}},
        "spec.template.spec.serviceAccountName",
    ),
    "a label of the pods of a Deployment": (
        {
            "kind": "Deployment",
            "spec": {"template": {"metadata": {"labels": {"headrace.dev/version": None}}}},
        },
        "spec.template.metadata.labels[headrace.dev/version]",
    ),
    "the account": (
        {"kind": "Pod", "spec": {"serviceAccountName": "x"}},
        "spec.serviceAccountName",
    ),
    "the model's arguments": (container(args=["x"]), "spec.containers[model].args"),
    "the command": (container(command=None), "spec.containers[model].command"),
    "the image": (container(image="x"), "spec.containers[model].image"),
    "the digest": (
        container(env=[{"name": "HEADRACE_DIGEST", "value": "x"}]),
        "spec.containers[model].env[HEADRACE_DIGEST]",
    ),
    "a port of Headrace's own": (
        container(env=[{"name": "HEADRACE_NEW", "value": "x"}]),
        "spec.containers[model].env",
    ),
    "what ready means": (
        container(readinessProbe={"httpGet": {"path": "/"}}),
        "spec.containers[model].readinessProbe.httpGet",
    ),
    "the time to forget a pod": (container(lifecycle=None), "spec.containers[model].lifecycle"),
    "where the bundle is": (
        container(volumeMounts=[{"mountPath": "/bundle", "name": "other"}]),
        "spec.containers[model].volumeMounts[/bundle]",
    ),
    "what the bundle is": (
        {"kind": "Pod", "spec": {"volumes": [{"name": "bundle", "hostPath": {"path": "/"}}]}},
        "spec.volumes[bundle]",
    ),
    "the digest that is checked": (
        {"kind": "Pod", "spec": {"initContainers": [{"name": "fetch", "args": []}]}},
        "spec.initContainers[fetch].args",
    ),
    "a Service's selector": ({"kind": "Service", "spec": {"selector": None}}, "spec.selector"),
    "the pods of a budget": (
        {"kind": "PodDisruptionBudget", "spec": {"selector": {"matchLabels": {"a": "b"}}}},
        "spec.selector",
    ),
    "the pods of a policy": (
        {"kind": "NetworkPolicy", "spec": {"podSelector": {"$patch": "replace"}}},
        "spec.podSelector",
    ),
    "weights": ({"kind": "HTTPRoute", "spec": {"rules": []}}, ""),
    "an alert": ({"kind": "PrometheusRule", "spec": None}, ""),
}


@pytest.mark.parametrize("what", OWNED)
def test_what_headrace_owns_is_refused_with_a_sentence(what: str) -> None:
    patch, path = OWNED[what]
    found = faults_of(with_patches(patch))
    place = f"patches[0].{path}" if path else "patches[0]"
    start = f"{place}: changes what Headrace owns of a "
    assert any(fault.startswith(start) for fault in found), found
    assert all("; expected it to stay as it is: " in fault for fault in found)


def test_the_replicas_of_an_autoscaler_stay() -> None:
    patch = {"kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 99, "minReplicas": 1}}
    scaled: dict[str, Any] = {
        "replicas": 2,
        "resources": {"requests": {"cpu": "1"}},
        "autoscaling": {"maxReplicas": 4},
    }
    found = faults_of(with_patches(patch, **scaled))
    assert [fault.split(":")[0] for fault in found] == [
        "patches[0].spec.maxReplicas",
        "patches[0].spec.minReplicas",
    ]
    assert faults_of(with_patches({"kind": "Deployment", "spec": {"replicas": 2}}, **scaled))


def test_saying_the_same_as_headrace_is_no_harm() -> None:
    same = {"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": 1}}
    assert shadowing(with_patches(same)) == shadowing(with_patches({"kind": "Pod"}))


def test_tuning_is_not_owned() -> None:
    threads = {"name": "GUNICORN_THREADS", "value": "8"}
    slow = {"failureThreshold": 9}
    found = deployments(shadowing(with_patches(container(env=[threads], livenessProbe=slow))))
    model_server = found[0]["spec"]["template"]["spec"]["containers"][0]
    assert threads in model_server["env"]
    assert model_server["livenessProbe"]["failureThreshold"] == 9
    assert model_server["livenessProbe"]["httpGet"]["path"] == "/health/ping"


def test_every_fault_is_named_once_and_at_once() -> None:
    patches = [
        {"kind": "Deployment", "spec": {"replicas": 9, "selector": None}},
        {"kind": "Pod", "spec": {"containers": [{"image": "x"}]}},
        {"kind": "HTTPRoute", "spec": {"rules": []}},
    ]
    found = [fault.split(":")[0] for fault in faults_of(with_patches(*patches))]
    assert found == [
        "patches[0].spec.replicas",
        "patches[0].spec.selector",
        "patches[1].spec.containers[0]",
        "patches[2]",
    ]


def test_a_fault_of_a_text_names_what_it_made() -> None:
    (fault,) = faults_of(with_text("kind: Deployment\nspec: {replicas: 9}"))
    assert fault.startswith("jinja: makes a patch whose spec.replicas changes what Headrace owns")


DOCUMENT = """\
metadata: {{name: a}}
spec:
  model: {{name: a, version: "1", uri: "file:///a", digest: "sha256:{digest}"}}
  strategy: {{shadow: {{hold: 1h}}}}
  analysis: {{checks: [{{name: e, metric: error-rate, above: 0.1}}]}}
  serving:
    template:
{template}
"""


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{}", "spec.serving.template: has neither; expected exactly one of them"),
        ("{patches: [], jinja: a}", "spec.serving.template: has both patches and jinja"),
        ("{patches: [{kind: Secret}]}", "spec.serving.template.patches[0].kind: is 'Secret'"),
        ("{patches: [{spec: {}}]}", "spec.serving.template.patches[0].kind: is missing"),
        (
            "{patches: [{kind: Pod, metadata: {lables: {}}}]}",
            "spec.serving.template.patches[0].metadata.lables: is no field of a ModelRollout",
        ),
        (
            "{patches: [{kind: Pod, spec: {a: .inf}}]}",
            "spec.serving.template.patches[0].spec.a: is inf; expected a finite number",
        ),
        (
            "{patches: [{kind: Pod, spec: {a: 2026-01-01}}]}",
            "spec.serving.template.patches[0].spec",
        ),
        (
            "{jinja: 'kind: Pod {{ x }}'}",
            "spec.serving.template.jinja:1:14: says `x`, which is not known; expected names of",
        ),
        (
            "{jinja: 'a: [b'}",
            "spec.serving.template.jinja: becomes what is not YAML: did not find expected",
        ),
        ("{jinja: 'kind: Secret'}", "spec.serving.template.jinja: becomes a document 1 whose kind"),
        ("{jinja: '[1]'}", "spec.serving.template.jinja: becomes a document 1 whose value"),
        (
            "{jinja: '{kind: Pod, kind: Pod}'}",
            "spec.serving.template.jinja: kind is written twice, first in line 1",
        ),
        (
            "{jinja: '{% for x in range(60) %}--- {kind: Pod}\n\n{% endfor %}'}",
            "spec.serving.template.jinja: becomes 60 documents; expected at most 50",
        ),
    ],
)
def test_what_is_no_template_is_refused_with_its_place(template: str, expected: str) -> None:
    with pytest.raises(InvalidRollout) as caught:
        parse_rollout(DOCUMENT.format(digest="0" * 64, template=f"      {template}"))
    assert str(caught.value.faults[0]).startswith(expected)
