"""Who was served by whom: requests and failures per arm, from the router's own counters."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.api import Requests, Status
from headrace.engine.observations import Counts, Interval, Metric, Observations


def account(status: Status, observations: Observations) -> Status:
    """Use up the fresh intervals: sum the rollout's requests and move the watermarks.

    Args:
        status: With the sums so far; intervals that ended before it began are history.
        observations: Fresh intervals, each increment once.
    """
    fresh = {str(metric): end for metric, end in observations.watermarks.items()}
    started = status.started if status.started is not None else float("inf")
    return status.model_copy(
        update={
            "requests": add_up(status.requests, observations.intervals, started),
            "watermarks": status.watermarks | fresh,
        }
    )


def add_up(requests: Requests, intervals: Iterable[Interval], started: float) -> Requests:
    """Add what happened since the rollout began.

    Args:
        requests: The sums so far.
        intervals: Fresh ones; those that ended before `started` are history and not counted.
        started: Unix seconds.
    """
    sums = requests.model_dump(by_alias=False)

    def add(total: str, failed: str, value: object) -> None:
        if isinstance(value, Counts):
            sums[total] += round(value.total)
            sums[failed] += round(value.bad)

    for interval in intervals:
        if interval.end <= started:
            continue
        if interval.metric is Metric.REQUESTS:
            add("stable", "failed_stable", interval.stable)
            add("candidate", "failed_candidate", interval.candidate)
        elif interval.metric is Metric.MIRRORED:
            add("mirrored", "failed_mirrored", interval.candidate)
    return Requests(**sums)
