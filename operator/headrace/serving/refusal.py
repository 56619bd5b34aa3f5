"""How a serving process says that it will not start, so that programs understand it too.

A refusal is permanent: starting the same process again ends the same way. Whoever started it can
tell that from a crash by the exit code and by the line on stderr.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from headrace.errors import HeadraceError

REFUSED = 3
"""The exit code, which is also gunicorn's for a worker that cannot start."""

PREFIX = "headrace: refused:"
"""What the line begins with; the error's type, a colon and one sentence follow."""


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """End the process with `REFUSED` and one line on stderr if Headrace raises an error."""
    try:
        yield
    except HeadraceError as error:
        text = " ".join(str(error).split())
        print(f"{PREFIX} {type(error).__name__}: {text}", file=sys.stderr, flush=True)
        raise SystemExit(REFUSED) from None
