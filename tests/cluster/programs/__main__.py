"""Makes what the tests' cluster needs: `python -m tests.cluster.programs`."""

from __future__ import annotations

import sys

from headrace.errors import SetupError
from tests.cluster.programs.catalogue import API_SERVER, build
from tests.cluster.programs.commands import clock
from tests.cluster.programs.crds import fetch


def main() -> int:
    """Build and fetch what is missing.

    Returns:
        The exit code: 0 with everything there, 1 without.
    """
    say = clock()
    try:
        build(API_SERVER, say)
        fetch(say)
    except SetupError as error:
        print(f"headrace: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
