"""Our strategic merge does what `kubectl patch` does, on the objects that are rendered.

But for one thing, on purpose: `kubectl` puts new entries of a list before the old ones, we put them
after. A pod's first container stays the model server, and its bundle is fetched first.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.render.strategic_merge import merged
from tests.cluster.examples import FOLDER
from tests.cluster.programs.catalogue import program

STAGE = FOLDER / "canary-gateway" / "rendered" / "first.yaml"
OBJECTS: dict[str, dict[str, Any]] = {
    each["kind"]: each for each in yaml.load_all(STAGE.read_text("utf-8"), yaml.CSafeLoader)
}


def by_kubectl(whole: dict[str, Any], patch: dict[str, Any], folder: Path) -> dict[str, Any]:
    file = folder / "whole.json"
    file.write_text(json.dumps(whole), encoding="utf-8")
    command = [
        *(str(program("kubectl")), "patch", "--local", "--type", "strategic", "-o", "json"),
        *("-f", str(file), "-p", json.dumps(patch)),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def tidy(value: Any) -> Any:
    """Leave out what kubectl's types write for nothing, and the order of entries with a key."""
    if isinstance(value, dict):
        kept = {k: tidy(v) for k, v in value.items() if k not in ("status", "creationTimestamp")}
        return {k: v for k, v in kept.items() if v not in (None, {}, [])}
    if isinstance(value, list):
        entries = [tidy(each) for each in value]
        # Arguments have an order; entries are told apart by a field.
        return sorted(entries, key=_text) if any(isinstance(e, dict) for e in value) else entries
    return value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def pod(**spec: object) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


def model(**fields: object) -> dict[str, Any]:
    return pod(containers=[{"name": "model", **fields}])


PATCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "a node selector": ("Deployment", pod(nodeSelector={"pool": "models"})),
    "tolerations": ("Deployment", pod(tolerations=[{"key": "a", "operator": "Exists"}])),
    "a secret for images": ("Deployment", pod(imagePullSecrets=[{"name": "registry"}])),
    "a sidecar": ("Deployment", pod(containers=[{"name": "log", "image": "log:1"}])),
    "a variable": ("Deployment", model(env=[{"name": "A", "value": "1"}])),
    "another value": ("Deployment", model(env=[{"name": "GUNICORN_THREADS", "value": "8"}])),
    "a variable less": (
        "Deployment",
        model(env=[{"name": "GUNICORN_THREADS", "$patch": "delete"}]),
    ),
    "other variables": (
        "Deployment",
        model(env=[{"$patch": "replace"}, {"name": "A", "value": "1"}]),
    ),
    "other arguments": ("Deployment", model(args=["a"])),
    "a port": ("Deployment", model(ports=[{"containerPort": 7, "name": "x", "protocol": "TCP"}])),
    "a mount": ("Deployment", model(volumeMounts=[{"name": "tmp", "mountPath": "/x"}])),
    "another mount": ("Deployment", model(volumeMounts=[{"name": "bundle", "mountPath": "/tmp"}])),
    "no probe": ("Deployment", model(livenessProbe=None)),
    "a probe less": ("Deployment", model(livenessProbe={"$patch": "delete"})),
    "another probe": (
        "Deployment",
        model(livenessProbe={"$patch": "replace", "tcpSocket": {"port": 1}}),
    ),
    "a slower probe": ("Deployment", model(livenessProbe={"failureThreshold": 9})),
    "a volume": ("Deployment", pod(volumes=[{"name": "a", "emptyDir": {"sizeLimit": "1Gi"}}])),
    "another volume": (
        "Deployment",
        pod(volumes=[{"name": "tmp", "emptyDir": {"medium": "Memory"}}]),
    ),
    "a volume less": ("Deployment", pod(volumes=[{"name": "tmp", "$patch": "delete"}])),
    "spread": (
        "Deployment",
        pod(
            topologySpreadConstraints=[
                {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
            ]
        ),
    ),
    "a host's name": ("Deployment", pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a"]}])),
    "an annotation": ("Deployment", {"metadata": {"annotations": {"a": "b"}}}),
    "a label less": ("Deployment", {"metadata": {"labels": {"headrace.dev/version": None}}}),
    "another strategy": (
        "Deployment",
        {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
    ),
    "a Service's port": ("Service", {"spec": {"ports": [{"port": 9, "name": "x"}]}}),
    "another target": ("Service", {"spec": {"ports": [{"port": 8000, "targetPort": 1}]}}),
    "rules of a policy": ("NetworkPolicy", {"spec": {"ingress": [{"ports": [{"port": 1}]}]}}),
    "metrics": (
        "HorizontalPodAutoscaler",
        {
            "spec": {
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 9}},
                "metrics": [{"type": "External"}],
            }
        },
    ),
    "secrets of an account": ("ServiceAccount", {"imagePullSecrets": [{"name": "registry"}]}),
}


@pytest.mark.parametrize("what", PATCHES)
def test_a_patch_does_what_kubectl_does(what: str, tmp_path: Path) -> None:
    kind, patch = PATCHES[what]
    whole = OBJECTS[kind]
    assert tidy(merged(whole, patch)) == tidy(by_kubectl(whole, patch, tmp_path))


# Directives only where there is something: elsewhere kubectl leaves them in the object.
VALUES = {"value": st.sampled_from(["1", "2"])}
KNOWN = {"name": st.sampled_from(["GUNICORN_THREADS", "HEADRACE_BUNDLE"])}
NEW = {"name": st.sampled_from(["A", "B"])}
VARIABLES = st.fixed_dictionaries(NEW, optional=VALUES)
CHANGES = VARIABLES | st.fixed_dictionaries(KNOWN, optional={**VALUES, "$patch": st.just("delete")})


def name_of(entry: Any) -> str:
    return str(entry["name"])


def containers(names: list[str], variables: st.SearchStrategy[Any], *probes: Any) -> Any:
    return st.fixed_dictionaries(
        {"name": st.sampled_from(names)},
        optional={
            "image": st.sampled_from(["a", "b"]),
            "env": st.lists(variables, max_size=4, unique_by=name_of),
            "args": st.lists(st.sampled_from(["x", "y"]), max_size=2),
            "livenessProbe": st.sampled_from([{"failureThreshold": 3}, *probes]),
        },
    )


CONTAINER = containers(["log", "other"], VARIABLES) | containers(
    ["model"], CHANGES, None, {"$patch": "delete"}, {"$patch": "replace", "periodSeconds": 1}
)
SPEC = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(CONTAINER, max_size=3, unique_by=name_of),
        "nodeSelector": st.sampled_from([None, {"a": "b"}]),
        "volumes": st.lists(
            st.sampled_from(
                [
                    {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
                    {"name": "logs", "emptyDir": {}},
                    {"name": "bundle", "$patch": "delete"},
                ]
            ),
            max_size=2,
            unique_by=name_of,
        ),
    },
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(spec=SPEC)
def test_any_patch_does_what_kubectl_does(spec: dict[str, Any], tmp_path: Path) -> None:
    whole, patch = OBJECTS["Deployment"], pod(**spec)
    assert tidy(merged(whole, patch)) == tidy(by_kubectl(whole, patch, tmp_path))
