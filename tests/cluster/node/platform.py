"""Puts into the node what `make kind` puts into its cluster, by the same script."""

from __future__ import annotations

import os
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from headrace.errors import SetupError
from tests.cluster.node import gateway
from tests.cluster.node.addresses import MLFLOW_PORT, NODE
from tests.cluster.node.components import Components
from tests.cluster.node.configuration import Files
from tests.cluster.processes import Process
from tests.cluster.programs.commands import Say, run

ROOT = Path(__file__).parents[3]

_MANIFESTS = Path(__file__).parent / "manifests"
_SECONDS = 300.0


def start_mlflow(running: ExitStack, files: Files) -> Process:
    """Start a registry beside the node: an image of it would be larger than all others together."""
    folder = files.home / "mlflow"
    folder.mkdir()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--allowed-hosts", "*"),
        *("--host", NODE, "--port", str(MLFLOW_PORT)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    # Its runner of jobs, which nobody here uses, is eight more processes.
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Process(running, files.logs / "mlflow.log", command, {**os.environ, **quiet})


def wait_for_mlflow(mlflow: Process) -> None:
    """Wait until it answers.

    Raises:
        SetupError: It ended, or does not in time.
    """
    mlflow.until(_mlflow_answers, _SECONDS)


def stand_up(components: Components, files: Files, say: Say) -> None:
    """Run the script.

    Raises:
        SetupError: Something is refused, or not ready in time; the text has the pods.
    """
    apply(components, "coredns.yaml")
    environ = {
        **components.environ,
        "GATEWAY_CHART": str(gateway.chart()),
        "GATEWAY_VALUES": str(_MANIFESTS / "gateway-values.yaml"),
        "PLATFORM": str(_MANIFESTS),
    }
    try:
        run([str(ROOT / "scripts" / "stand-up")], files.logs / "stand-up.log", say, environ)
    except SetupError as error:
        pods = components.kubectl("get", "pods", "--all-namespaces", "--output=wide").stdout
        events = components.kubectl("get", "events", "--all-namespaces").stdout[-4000:]
        raise SetupError(f"{error}\n{pods}\n{events}") from error


def apply(components: Components, name: str) -> None:
    """Apply one of our own manifests.

    Raises:
        SetupError: It is refused.
    """
    applied = components.kubectl("apply", "--server-side", "-f", str(_MANIFESTS / name))
    if applied.returncode != 0:
        raise SetupError(f"{name} is refused: {applied.stderr}")


def _mlflow_answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://{NODE}:{MLFLOW_PORT}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
