"""Pods by the thousand: controller-manager and scheduler are real, KWOK plays the kubelets."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.cluster.api_server import ApiServer
from tests.cluster.processes import Process
from tests.cluster.programs.catalogue import FLEET, build, program
from tests.cluster.programs.commands import clock

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
            *("--concurrent-deployment-syncs=4", "--concurrent-replicaset-syncs=4"),
        ],
    )
    Process(
        running,
        folder / "scheduler.log",
        [str(program("kube-scheduler")), kubeconfig, alone, *_QUICK, "--secure-port=0"],
    )
    Process(
        running,
        folder / "kwok.log",
        [str(program("kwok")), kubeconfig, "--manage-all-nodes=true"],
    )
    server.ask("POST", "/api/v1/nodes", _node())


def _node() -> dict[str, Any]:
    much = {"cpu": "10000", "memory": "100Ti", "pods": "100000"}
    return {
        "metadata": {"name": NODE, "labels": {"kubernetes.io/os": "linux"}},
        "status": {"capacity": much, "allocatable": much},
    }
