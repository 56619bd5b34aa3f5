"""Rollouts of all kinds, made up by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from headrace.api import ModelRollout, ModelSpec

_lower = st.text("a0-", max_size=51)
_any = st.text("aZ0-_.", max_size=61)
names = st.builds("{}{}{}".format, st.sampled_from("a0z"), _lower, st.sampled_from("b1"))
versions = st.builds("{}{}{}".format, st.sampled_from("aB0"), _any, st.sampled_from("zZ1"))
digests = st.integers(0, 2**256 - 1).map("sha256:{:064x}".format)
schemes = st.sampled_from(["s3://models", "gs://models", "pvc://models", "https://a.b", "file://"])

RULES: dict[str, Any] = {
    "canary": {
        "steps": [
            {"mirror": 30, "hold": "1m"},
            {"weight": 1, "hold": "1m"},
            {"approval": {}},
            {"weight": 99, "hold": "1m"},
        ]
    },
    "shadow": {"mirror": 7, "hold": "1h"},
    "blueGreen": {"prePromotion": {"hold": "5m"}, "keepPrevious": "1h"},
    "abTest": {"goal": "reward"},
    "bandit": {"reward": "reward", "floor": 5},
}
TEMPLATES: list[dict[str, Any]] = [
    {
        "patches": [
            {
                "kind": "Pod",
                "metadata": {"annotations": {"note": "x"}},
                "spec": {
                    "containers": [{"name": "model", "env": [{"name": "A", "value": "1"}]}],
                    "volumes": [{"name": "logs", "emptyDir": {}}],
                },
            },
            {"kind": "Service", "metadata": {"labels": {"team": "ml"}}},
        ]
    },
    {
        "jinja": 'kind: Pod\nmetadata: {labels: {of: "{{ model.version }}"}}\n---\n'
        'kind: Deployment\nmetadata: {annotations: {of: "{{ rollout.name }} {{ model.uri }}"}}\n'
    },
]
ROUTED = [
    ("Kubernetes", "GatewayAPI"),
    ("Kubernetes", "Istio"),
    ("Kubernetes", "None"),
    ("Seldon", "GatewayAPI"),
    ("Seldon", "Istio"),
    ("Seldon", "None"),
    ("Seldon", "Seldon"),
]


def built(
    strategy: str = "canary", backend: str = "Kubernetes", router: str = "GatewayAPI", **more: Any
) -> ModelRollout:
    """Make a rollout of version 7; `more` are further fields of the spec."""
    spec = {
        "model": model("7").model_dump(),
        "serving": {"backend": backend},
        "routing": {"provider": router, "gateway": {"name": "models"}},
        "strategy": {strategy: RULES[strategy]},
        "analysis": {
            "checks": [{"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 2}}]
        },
        **more,
    }
    metadata = {"name": "flight-delay", "namespace": "models"}
    return ModelRollout.model_validate({"metadata": metadata, "spec": spec})


def model(version: str, **more: str) -> ModelSpec:
    """Make a version."""
    digest = "sha256:" + "0" * 60 + f"{sum(map(ord, version)):04x}"
    fields = {"name": "flight-delay", "uri": f"s3://models/{version}", "digest": digest}
    return ModelSpec.model_validate({**fields, "version": version, **more})


@st.composite
def models(draw: st.DrawFn, name: str) -> ModelSpec:
    """Draw a version of a model."""
    version = draw(versions)
    uri = f"{draw(schemes)}/{version}"
    return ModelSpec(name=name, version=version, uri=uri, digest=draw(digests))


@st.composite
def rollouts(draw: st.DrawFn) -> tuple[ModelRollout, ModelSpec]:
    """Draw a rollout and the version that has the users before."""
    name = draw(names)
    count = draw(st.integers(2, 5))
    drawn = draw(
        st.lists(models(name), min_size=count, max_size=count, unique_by=lambda m: m.version)
    )
    strategy = draw(st.sampled_from(sorted(RULES)))
    backend, router = draw(st.sampled_from(ROUTED))
    several = strategy in ("abTest", "bandit")
    if router == "Seldon" and several:
        router = "Istio"
    replicas = draw(st.integers(1, 9))
    serving: dict[str, Any] = {"backend": backend, "replicas": replicas}
    if (template := draw(st.sampled_from([None, *TEMPLATES]))) is not None:
        serving["template"] = template
    if draw(st.booleans()):
        serving["resources"] = {"requests": {"cpu": draw(st.sampled_from([1, "0.5", "250m"]))}}
        serving["autoscaling"] = {"maxReplicas": replicas + 3}
    spec = {
        "model": drawn[1].model_dump(),
        "challengers": [each.model_dump() for each in drawn[2:]] if several else [],
        "serving": serving,
        "routing": {
            "provider": router,
            "gateway": {"name": draw(names)},
            "hostnames": draw(st.sampled_from([[], ["a.example.com"]])),
            "stickiness": draw(st.sampled_from([None, {"cookie": "arm", "ttl": "1h"}]))
            if router != "Seldon"
            else None,
        },
        "monitoring": {
            "provider": draw(st.sampled_from(["Annotations", "PrometheusOperator", "None"])),
            "dashboard": draw(st.booleans()),
        },
        "strategy": {strategy: RULES[strategy]},
        "analysis": {
            "checks": [{"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 2}}]
        },
    }
    metadata = {"name": draw(names), "namespace": draw(names)}
    return ModelRollout.model_validate({"metadata": metadata, "spec": spec}), drawn[0]
