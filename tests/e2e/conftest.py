"""A rollout of two small models, whose bundles the cluster finds in a volume.

`make e2e` gives the cluster: `KUBECONFIG`, the gateway's address in `HEADRACE_GATEWAY`, and in
`HEADRACE_MODELS` a folder that the node has under the same path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.errors import SetupError
from headrace.serving.digest import digest
from tests.e2e.cluster import Deployed, kubectl

ROOT = Path(__file__).parents[2]
NAMESPACE = "models"
VERSIONS = ("1", "2")


def given(name: str) -> str:
    """Give what `make e2e` says of its cluster.

    Raises:
        SetupError: There is none.
    """
    if name not in os.environ:
        raise SetupError("These tests need a cluster of their own. Run `make e2e`.")
    return os.environ[name]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two bundles in the folder that the node has, too, and a namespace with it as a volume.

    Every pod there must fit the restricted Pod Security Standard.
    """
    folder = tmp_path_factory.mktemp("models")
    run("docs/examples/make_models.py", cwd=folder)
    shared = Path(given("HEADRACE_MODELS"))
    for version in VERSIONS:
        bundle = ["bundle", f"churn-{version}.onnx", "--name", "churn", "--version", version]
        target = shared / f"churn-{version}"
        run(
            "-m",
            "headrace.cli.main",
            *bundle,
            "--data",
            "typical.csv",
            "-o",
            str(target),
            cwd=folder,
        )
    shutil.copy(folder / "requests.jsonl", shared)
    kubectl("apply", "--server-side", "--filename=-", text=yaml.safe_dump_all(volume(shared)))
    return shared


@pytest.fixture
def here(models: Path, tmp_path: Path) -> Iterator[Deployed]:
    """Have a rollout from version 1 to 2, of which nothing is there before or after the test."""
    shutil.copy(models / "requests.jsonl", tmp_path)
    for file, version in (("before.yaml", "1"), ("rollout.yaml", "2")):
        text = yaml.safe_dump(document(version, models / f"churn-{version}"))
        (tmp_path / file).write_text(text, encoding="utf-8")
    deployed = Deployed(tmp_path, given("HEADRACE_GATEWAY"))
    yield deployed
    deployed.delete()


def document(version: str, bundle: Path) -> dict[str, Any]:
    """Give a ModelRollout with plain Kubernetes and the Gateway API."""
    uri = f"pvc://models/{bundle.name}"
    model = {"name": "churn", "version": version, "uri": uri, "digest": digest(bundle)}
    resources = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
    steps = [
        {"mirror": 100, "hold": "1m"},
        {"weight": 20, "hold": "1m"},
        {"weight": 50, "hold": "1m"},
    ]
    check = {"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 2}}
    routing = {"provider": "GatewayAPI", "gateway": {"name": "models", "namespace": "gateways"}}
    return {
        "apiVersion": "headrace.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "churn", "namespace": NAMESPACE},
        "spec": {
            "model": model,
            "serving": {"replicas": 1, "resources": resources},
            "routing": routing,
            "strategy": {"canary": {"steps": steps}},
            "analysis": {"checks": [check]},
        },
    }


def volume(folder: Path) -> list[dict[str, Any]]:
    """Give the namespace, and a claim of a volume that is a folder of the node."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    size = {"storage": "1Gi"}
    modes = ["ReadOnlyMany"]
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": labels},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "models"},
            "spec": {
                "capacity": size,
                "accessModes": modes,
                "storageClassName": "",
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models", "namespace": NAMESPACE},
            "spec": {
                "accessModes": modes,
                "storageClassName": "",
                "volumeName": "models",
                "resources": {"requests": size},
            },
        },
    ]


def run(*arguments: str, cwd: Path) -> None:
    """Run Python in a folder; a program of the repository may be named from its root."""
    first = [str(ROOT / arguments[0]) if arguments[0].endswith(".py") else arguments[0]]
    command = [sys.executable, *first, *arguments[1:]]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stderr
