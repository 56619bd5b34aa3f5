"""Runs a command beside a cluster of its own: `python -m tests.e2e COMMAND...`.

That is one of kind where Docker and kind are, and a node without Docker elsewhere.
"""

from __future__ import annotations

import sys

from tests.cluster.node import __main__ as node
from tests.e2e import kind

if __name__ == "__main__":
    if kind.is_usable():
        sys.exit(kind.run(sys.argv[1:]))
    node.main(sys.argv[1:])
