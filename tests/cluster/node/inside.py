"""The first process of the node's namespaces: starts the node, and runs a command beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from headrace.errors import SetupError
from tests.cluster.node import images, namespaces
from tests.cluster.node.addresses import GATEWAY_PORT, MLFLOW_PORT, NODE, PROMETHEUS_PORT
from tests.cluster.node.components import Components
from tests.cluster.node.configuration import Files
from tests.cluster.node.platform import stand_up, start_mlflow, wait_for_mlflow
from tests.cluster.programs.commands import Say, clock

_HOME = Path("/run/headrace")
_MODELS = Path("/srv/models")
"""As manifests/kind has it."""


def main(command: Sequence[str]) -> int:
    """Start the node, run the command with `KUBECONFIG` set, and give its exit code."""
    say = clock()
    namespaces.mount_memory(_MODELS.parent)
    _MODELS.mkdir()
    namespaces.connect()
    files = Files(_HOME, namespaces.cgroup())
    try:
        with ExitStack() as running:
            components = _start(running, files, say)
            return subprocess.run(command, env=_environ(components)).returncode
    except SetupError as error:
        print(f"headrace: {error}", file=sys.stderr)
        return 1
    finally:
        namespaces.remove_cgroup(files.cgroup)


def _start(running: ExitStack, files: Files, say: Say) -> Components:
    say("Starting a Kubernetes of one node")
    files.write()
    mlflow = start_mlflow(running, files)
    components = Components(running, files)
    components.start(images.build(say))
    say("Installing Envoy Gateway, Prometheus and Headrace")
    stand_up(components, files, say)
    wait_for_mlflow(mlflow)
    say("The cluster is ready")
    return components


def _environ(components: Components) -> dict[str, str]:
    """Say where everything is that tests talk to."""
    return {
        **components.environ,
        "HEADRACE_GATEWAY": f"http://{NODE}:{GATEWAY_PORT}",
        "HEADRACE_PROMETHEUS_URL": f"http://{NODE}:{PROMETHEUS_PORT}",
        "HEADRACE_REGISTRY_URL": f"http://{NODE}:{MLFLOW_PORT}",
        "HEADRACE_MODELS": str(_MODELS),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
