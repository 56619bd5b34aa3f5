"""The CRD of ModelRollout in a real API server: structural, and readable with `kubectl get`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from tests.cluster.api_server import STRICT, ApiServer
from tests.cluster.programs.catalogue import program
from tests.unit.engine.rollouts import live

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "canary-gateway" / "rollout.yaml"
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
    rollout = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    rollout["metadata"]["namespace"] = "default"
    made = server.apply(rollout)
    assert made.code == 201, made.message
    world = live()
    world.want("2")
    world.until("StepHeld")
    status = world.status.model_dump(mode="json", exclude_none=True)
    path = f"{server.path(rollout)}/status?{STRICT}"
    written = server.ask("PUT", path, made.body | {"status": status})
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
