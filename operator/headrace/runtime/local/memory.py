"""Whether the kernel ends processes for lack of memory."""

from __future__ import annotations

from pathlib import Path

VMSTAT = Path("/proc/vmstat")


def kernel_oom_kills(file: Path = VMSTAT) -> int:
    """Give how many processes the kernel has ended for lack of memory since it started.

    Args:
        file: The kernel's counters, a name and a number a line.

    Returns:
        0 where nobody counts it (before Linux 4.13, and elsewhere): a process that was ended so
        is then one that was ended by signal 9.
    """
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
