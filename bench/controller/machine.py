"""Who takes the processor: every process of a measurement shares two cores with the controller."""

from __future__ import annotations

import psutil


def taken() -> dict[str, float]:
    """Give the processor seconds so far of this process and of all that it has started, by name.

    Of several processes of one name, such as controllers, it is the sum.
    """
    me = psutil.Process()
    seconds: dict[str, float] = {}
    for process in (me, *me.children(recursive=True)):
        try:
            times, command = process.cpu_times(), process.cmdline()
        except psutil.Error:
            continue  # it has just ended
        name = process.name() if process.pid != me.pid else "what is played"
        if "controller" in command and "headrace.cli.main" in command:
            name = "headrace"
        seconds[name] = seconds.get(name, 0.0) + times.user + times.system
    return seconds
