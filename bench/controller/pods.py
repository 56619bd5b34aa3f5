"""Pods by the thousand: controller-manager and scheduler are real, KWOK plays the kubelets."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.cluster.api_server import ApiServer
from tests.cluster.processes import Process
from tests.cluster.programs.catalogue import FLEET, build, module_folder, program
from tests.cluster.programs.commands import clock
from tests.cluster.programs.golang import find_go

NODE = "node-0"
_QUICK = ("--kube-api-qps=1000", "--kube-api-burst=2000")
_CONTROLLERS = "deployment-controller,replicaset-controller,garbage-collector-controller"


def run_pods(running: ExitStack, server: ApiServer, folder: Path) -> None:
    """Have every pod run, in words only, until the stack is closed.

    Raises:
        SetupError: A program cannot be built, or does not start.
    """
    build(FLEET, clock())
    kubeconfig = f"--kubeconfig={server.kubeconfig}"
    alone = "--leader-elect=false"
    Process(
        running,
        folder / "controller-manager.log",
        [
            *(str(program("kube-controller-manager")), kubeconfig, alone, *_QUICK),
            *(f"--controllers={_CONTROLLERS}", "--secure-port=0"),
        ],
    )
    Process(
        running,
        folder / "scheduler.log",
        [str(program("kube-scheduler")), kubeconfig, alone, *_QUICK, "--secure-port=0"],
    )
    stages = _stages(folder / "stages.yaml")
    Process(
        running,
        folder / "kwok.log",
        [str(program("kwok")), kubeconfig, "--manage-all-nodes=true", f"--config={stages}"],
    )
    server.ask("POST", "/api/v1/nodes", _node())
    # The node's controller, which takes away what a new node is marked with, is not there.
    server.ask("PATCH", f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}}, "merge")


def _stages(file: Path) -> Path:
    """Write what KWOK does by itself with nodes and pods, as its own sources have it."""
    sources = module_folder(find_go(clock()), "kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage"
    found = sorted(each for kind in ("node", "pod") for each in (sources / kind / "fast").glob("*"))
    texts = [each.read_text("utf-8") for each in found if each.suffix == ".yaml"]
    stages = [text for text in texts if "\nkind: Stage\n" in text]
    file.write_text("\n---\n".join(stages), encoding="utf-8")
    return file


def _node() -> dict[str, Any]:
    much = {"cpu": "10000", "memory": "100Ti", "pods": "100000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": {"kubernetes.io/os": "linux"}},
        "status": {"capacity": much, "allocatable": much},
    }
