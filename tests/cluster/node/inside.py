"""The first process of the node's namespaces: starts the node, and runs a command beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from headrace.errors import SetupError
from tests.cluster.node import gateway, images, namespaces
from tests.cluster.node.addresses import GATEWAY_PORT, NODE
from tests.cluster.node.components import Components
from tests.cluster.node.configuration import Files
from tests.cluster.programs.commands import Say, clock

_HOME = Path("/run/headrace")


def main(command: Sequence[str]) -> int:
    """Start the node, run the command with `KUBECONFIG` set, and give its exit code."""
    say = clock()
    namespaces.mount_memory()
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
    components = Components(running, files)
    components.start(images.build(say))
    gateway.apply(components, "coredns.yaml")
    say("Installing Envoy Gateway")
    gateway.install(components)
    say("The cluster is ready")
    return components


def _environ(components: Components) -> dict[str, str]:
    """Say where the gateway is, and a folder that tests and node both see under one path."""
    models = _HOME / "models"
    models.mkdir()
    return {
        **components.environ,
        "HEADRACE_GATEWAY": f"http://{NODE}:{GATEWAY_PORT}",
        "HEADRACE_MODELS": str(models),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
