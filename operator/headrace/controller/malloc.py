"""How the C library gives out memory, for a process that runs for months.

A controller has a dozen threads, and at every tick for some moments an answer of Prometheus, 9 MB
for 500 rollouts. glibc would have an arena for each thread, and once it has given out blocks of
that size it keeps them for the next ones: that is half as much memory again, and 17 MB beside.
"""

from __future__ import annotations

import ctypes
import os

_SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_": (-1, 128 * 1024),
    "MALLOC_MMAP_THRESHOLD_": (-3, 128 * 1024),
    "MALLOC_ARENA_MAX": (-8, 2),
}
"""By the environment variable that says the same: parameter of `mallopt` (malloc.h), and value.
The thresholds are those that glibc begins with, and no longer moves once they are said."""


def tune() -> bool:
    """Have large blocks given back when they are freed; before threads are started.

    What the environment says already stays as it is.

    Returns:
        Whether the C library takes it: glibc does; others keep no blocks of that size.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = [mallopt(*setting) for name, setting in _SETTINGS.items() if name not in os.environ]
    return all(taken)
