"""Who was served by whom: requests and failures per arm, from the router's own counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headrace.api import Challenger, Requests, Status
from headrace.engine.observations import Counts, Interval, Metric, MetricKey, Observations


def account(status: Status, observations: Observations) -> Status:
    """Use up the fresh intervals: sum the rollout's requests and move the watermarks.

    Args:
        status: With the sums so far; intervals that ended before it began are history.
        observations: Fresh intervals, each increment once.
    """
    started = status.started if status.started is not None else float("inf")
    intervals = observations.intervals

    def counted(challenger: Challenger) -> Challenger:
        requests = add_up(challenger.requests, intervals, started, challenger.model.version)
        return challenger.model_copy(update={"requests": requests})

    return status.model_copy(
        update={
            "requests": add_up(status.requests, intervals, started),
            "challengers": [counted(challenger) for challenger in status.challengers],
            "watermarks": status.watermarks | _by_name(observations.watermarks),
        }
    )


def _by_name(watermarks: Mapping[MetricKey, float]) -> dict[str, float]:
    return {str(metric): end for metric, end in watermarks.items()}


def add_up(
    requests: Requests, intervals: Iterable[Interval], started: float, challenger: str = ""
) -> Requests:
    """Add what happened since the rollout began.

    Args:
        requests: The sums so far.
        intervals: Fresh ones; those that ended before `started` are history and not counted.
        started: Unix seconds.
        challenger: Whose intervals; empty for the first candidate.
    """
    sums = requests.model_dump(by_alias=False)

    def add(total: str, failed: str, value: object) -> None:
        if isinstance(value, Counts):
            sums[total] += round(value.total)
            sums[failed] += round(value.bad)

    for interval in intervals:
        if interval.end <= started or interval.challenger != challenger:
            continue
        if interval.metric == Metric.REQUESTS:
            add("stable", "failed_stable", interval.stable)
            add("candidate", "failed_candidate", interval.candidate)
        elif interval.metric == Metric.MIRRORED:
            add("mirrored", "failed_mirrored", interval.candidate)
    return Requests(**sums)
