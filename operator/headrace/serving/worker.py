"""Ends a server whose worker was killed, so that whoever started the server knows of it.

gunicorn starts another worker in place of one that was killed, and says so in its log only. Where
the kernel ends single processes for lack of memory, that would go on for ever: the container runs,
and Kubernetes counts no restart and knows no reason.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import NoReturn

WORKER_LOST = 4
"""The exit code; gunicorn ends, too, when a worker ends with it, and passes it on."""

PREFIX = "headrace: ended:"
"""What the line on stderr begins with; a sentence follows."""


class Worker:
    """The one worker process of a server. Make it before workers are forked."""

    def __init__(self) -> None:
        self._begun = mmap.mmap(-1, 1)
        """Memory that a worker shares with the worker after it."""

    def begin(self) -> None:
        """Say that this process is the worker; it ends here if there was one before it."""
        if self._begun[0]:
            _end()
        self._begun[0] = 1


def _end() -> NoReturn:
    text = "its worker was killed, perhaps by the kernel for lack of memory; it starts anew."
    print(f"{PREFIX} {text}", file=sys.stderr, flush=True)
    # A forked process' exit handlers would wait for processes that are not its children.
    os._exit(WORKER_LOST)
