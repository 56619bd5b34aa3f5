"""The CRD of ModelRollout in a real API server: structural, and readable with `kubectl get`."""

from __future__ import annotations

import copy
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.api_server import STRICT, ApiServer, Object
from tests.cluster.programs.catalogue import program
from tests.unit.engine.rollouts import under_test

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "canary-gateway" / "rollout.yaml"
CRD = Path(__file__).parents[2] / "manifests" / "crd" / "modelrollouts.yaml"
NAME = "flight-delay"


def kubectl(server: ApiServer, *arguments: str) -> str:
    command = [str(program("kubectl")), f"--kubeconfig={server.kubeconfig}", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_schema_is_structural_and_its_names_are_accepted(server: ApiServer) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelrollouts.headrace.dev"
    found = server.ask("GET", path).body
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert found["status"]["storedVersions"] == ["v1alpha1"]


def test_kubectl_shows_a_rollout_in_one_line(server: ApiServer) -> None:
    rollout, made = example(server)
    status = under_test().status.model_dump(mode="json", exclude_none=True)
    path = f"{server.path(rollout)}/status?{STRICT}"
    written = server.ask("PUT", path, made | {"status": status})
    assert written.code == 200, written.message
    header, line = kubectl(server, "get", "mr", NAME).splitlines()
    assert header.split() == ["NAME", "MODEL", "VERSION", "PHASE", "STEP", "WEIGHT", "AGE"]
    assert line.split()[:-1] == [
        *(NAME, "flight-delay", "7", "Progressing"),
        *(str(status["step"]), str(status["weights"]["asked"]["candidate"])),
    ]
    assert line.split()[-1].endswith("s")
    wide = kubectl(server, "get", "headrace", "-o", "wide").splitlines()
    assert wide[0].split()[-1] == "MESSAGE"
    assert wide[1].endswith(status["decision"]["message"])


def test_kubectl_explains_every_field(server: ApiServer) -> None:
    text = kubectl(server, "explain", "modelrollout.spec.strategy.canary.steps", "--recursive")
    assert "weight" in text
    assert "<empty>" not in text


def test_a_status_that_an_older_crd_recorded_field_by_field_is_written_on(
    server: ApiServer,
) -> None:
    """What the record of its fields takes is freed by the first write after an upgrade."""
    group = "older.headrace.dev"
    newer = yaml.safe_load(CRD.read_text("utf-8"))
    newer["metadata"]["name"] = f"modelrollouts.{group}"
    newer["spec"]["group"] = group
    newer["spec"]["names"] |= {"shortNames": [], "categories": []}
    older = copy.deepcopy(newer)
    schema = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    in_parts(schema["properties"]["status"])
    server.define([older])
    rollout, made = example(server, group)
    status = under_test().status.model_dump(mode="json", exclude_defaults=True)
    path = f"{server.path(rollout)}/status?{STRICT}&fieldManager=headrace"
    before = server.ask("PUT", path, made | {"status": status})
    assert before.code == 200, before.message
    assert "f:outcome" in str(recorded(before.body))
    server.define([newer])
    until = time.monotonic() + 300
    while "f:outcome" in str(recorded(before.body)):  # until the server goes by the new schema
        assert time.monotonic() < until
        status["writes"] = status.get("writes", 0) + 1
        before = server.ask("PUT", path, before.body | {"status": status})
        assert before.code == 200, before.message
    assert before.body["status"] == status
    assert recorded(before.body)["f:checks"] == {}


def example(server: ApiServer, group: str = "headrace.dev") -> tuple[Object, Object]:
    """Make a rollout of this group; gives it as it was applied, and as it is."""
    rollout = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    rollout["apiVersion"] = f"{group}/v1alpha1"
    rollout["metadata"]["namespace"] = "default"
    made = server.apply(rollout)
    assert made.code == 201, made.message
    return rollout, made.body


def in_parts(schema: dict[str, Any]) -> None:
    """Have each field of a schema belong to somebody of its own, as all did once."""
    schema.pop("x-kubernetes-map-type", None)
    for part in schema.get("properties", {}).values():
        in_parts(part)
    if "items" in schema:
        in_parts(schema["items"])
    if "name" in schema.get("items", {}).get("properties", {}):
        schema["items"]["required"] = ["name"]
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


def recorded(written: dict[str, Any]) -> dict[str, Any]:
    """Give the record of who has which field of a status."""
    (entry,) = (
        each for each in written["metadata"]["managedFields"] if each.get("subresource") == "status"
    )
    fields: dict[str, Any] = entry["fieldsV1"]["f:status"]
    return fields
