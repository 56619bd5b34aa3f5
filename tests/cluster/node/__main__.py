"""Runs a command beside a fresh cluster: `python -m tests.cluster.node COMMAND...`.

`KUBECONFIG` is set for it. When it ends, or is killed, everything is gone. Without a command it
makes what the cluster is made of, and ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from headrace.errors import SetupError
from headrace.runtime.local.prometheus_binary import cache_folder
from tests.cluster.node import debian, gateway, images, namespaces
from tests.cluster.programs.catalogue import API_SERVER, NODE, build
from tests.cluster.programs.commands import alone, clock


def main(command: Sequence[str]) -> None:
    """Make what is missing, and become the node; end with 1 if something cannot be made."""
    say = clock()
    home = cache_folder(os.environ)
    home.mkdir(parents=True, exist_ok=True)
    try:
        with alone(home / "node.lock"):
            debian.require(home, say)
            build((*API_SERVER, *NODE), say)
            gateway.fetch_chart(say)
            images.build(say)
    except SetupError as error:
        sys.exit(f"headrace: {error}")
    if command:
        namespaces.enter("tests.cluster.node.inside", command)


if __name__ == "__main__":
    main(sys.argv[1:])
