"""Runs a command beside a cluster of its own: `python -m tests.e2e COMMAND...`.

That is one of kind where Docker and kind are, and a node without Docker elsewhere. Without a
command, what can be made before is made.
"""

from __future__ import annotations

import sys

from tests.cluster.node import __main__ as node
from tests.e2e import kind

if __name__ == "__main__":
    if kind.is_usable():
        sys.exit(kind.run(sys.argv[1:]) if sys.argv[1:] else 0)
    node.main(sys.argv[1:])
