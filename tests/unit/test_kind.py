"""What `make kind` uses is what is tested without it: the same versions, ports and folders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KIND = ROOT / "manifests" / "kind"
MODULE = ROOT / "tests" / "cluster" / "modules" / "cluster" / "go.mod"


def documents(path: Path) -> list[dict[str, Any]]:
    return [*yaml.safe_load_all(path.read_text("utf-8"))]


def found(pattern: str, path: Path) -> str:
    match = re.search(pattern, path.read_text("utf-8"), re.MULTILINE)
    assert match, f"{pattern} in {path}"
    return match[1]


@pytest.mark.parametrize(
    ("used", "tested"),
    [
        (
            (r"mlflow/mlflow:v(\S+)", KIND / "mlflow.yaml"),
            (r"^mlflow==(\S+)", ROOT / "requirements" / "toolkit.txt"),
        ),
        (
            (r"--version v(\S+)", ROOT / "scripts" / "stand-up"),
            (r"envoyproxy/gateway v(\S+)", MODULE),
        ),
    ],
    ids=["MLflow", "Envoy Gateway"],
)
def test_a_program_has_the_version_that_is_tested(
    used: tuple[str, Path], tested: tuple[str, Path]
) -> None:
    assert found(*used) == found(*tested)


def test_prometheus_has_the_version_that_is_tested() -> None:
    """Its module's version 0.310.0 is the release 3.10.0."""
    major, rest = found(r"prom/prometheus:v(\S+)", KIND / "prometheus.yaml").split(".", 1)
    minor, patch = rest.split(".")
    module = found(r"prometheus/prometheus v(\S+)", MODULE)
    assert module == f"0.{major}{int(minor):02}.{patch}"


def test_every_port_of_the_node_is_one_of_this_machine() -> None:
    (node,) = yaml.safe_load((ROOT / "kind-config.yaml").read_text("utf-8"))["nodes"]
    mapped = {each["containerPort"] for each in node["extraPortMappings"]}
    exposed = set()
    for path in KIND.glob("*.yaml"):
        exposed |= {int(port) for port in re.findall(r"nodePort: (\d+)", path.read_text("utf-8"))}
    assert mapped == exposed
    assert all(each["listenAddress"] == "127.0.0.1" for each in node["extraPortMappings"])


def test_the_bundles_are_where_the_volume_looks() -> None:
    (node,) = yaml.safe_load((ROOT / "kind-config.yaml").read_text("utf-8"))["nodes"]
    (mount,) = node["extraMounts"]
    (volume,) = (e for e in documents(KIND / "models.yaml") if e["kind"] == "PersistentVolume")
    assert volume["spec"]["hostPath"]["path"] == mount["containerPath"]
    assert f":-{mount['hostPath']}}}" in (ROOT / "scripts" / "flights").read_text("utf-8")
