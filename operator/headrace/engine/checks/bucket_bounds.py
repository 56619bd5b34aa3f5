"""Whether a latency limit lies on a bucket's bound, which is all that a histogram can tell.

Between two bounds nobody knows how many requests took longer than the limit: harm is then judged
at the bound above and safety at the bound below, so that both are found late, or never.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from headrace.api import Analysis, LatencyLimit
from headrace.api.fields import format_duration
from headrace.errors import Fault

ENVOY_DEFAULT = (
    *(0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0),
)
"""Upper bounds in seconds of `envoy_cluster_upstream_rq_time`, where nobody has set others."""


def bound_faults(analysis: Analysis, bounds: Mapping[str, Sequence[float]]) -> list[Fault]:
    """Name every latency limit that is no bound of a histogram that will be read.

    Args:
        analysis: With its checks.
        bounds: By who counts (`Envoy`, `the model server`), finite upper bounds in seconds,
            rising; at least one each.

    Returns:
        Faults with paths from `spec` on; none where every limit is a bound.
    """
    faults = []
    for index, check in enumerate(analysis.checks):
        limit = check.above
        if check.subject != "latency" or not isinstance(limit, LatencyLimit):
            continue
        for who, known in bounds.items():
            near = nearest(limit.limit, known)
            if near:
                choice = " or ".join(map(format_duration, near))
                faults.append(
                    Fault(
                        f"spec.analysis.checks[{index}].above.limit",
                        f"is {format_duration(limit.limit)}, which is no bucket bound of {who}",
                        choice,
                        f"limit: {format_duration(near[-1])}",
                    )
                )
    return faults


def nearest(limit: float, bounds: Sequence[float]) -> tuple[float, ...]:
    """Give the bounds next to a limit; none if it is one itself.

    Args:
        limit: Seconds.
        bounds: Finite upper bounds in seconds, rising; at least one.
    """
    at = bisect_left(bounds, limit)
    around = tuple(bounds[max(at - 1, 0) : at + 1])
    if any(math.isclose(limit, bound, rel_tol=1e-9) for bound in around):
        return ()
    return around
