"""What the arms earned: rewards of live answers, from 0 to 1, as they come back.

A reward that has not come back yet is not a reward of zero: what is counted are rewards, not
answers, so that late ones cost time and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from headrace.api import Rewards, Status
from headrace.api.status import Interval as Estimate
from headrace.engine.kernels.confidence import ALPHA, share_interval
from headrace.engine.observations import Interval, Metric, Segments, Sums, Value

Earned = TypeVar("Earned")


def sums(value: Value | None) -> Sums | None:
    """Give rewards that a test can use.

    Returns:
        Sums with `0 <= sum <= count`, as the two counters are not read at one instant. None
        without rewards, or if a number is not finite or negative: missing data, not bad data.
    """
    if not isinstance(value, Sums):
        return None
    if not (math.isfinite(value.count) and math.isfinite(value.sum) and value.count > 0):
        return None
    if 0 <= value.sum <= value.count:
        return value
    return Sums(value.count, min(max(value.sum, 0.0), value.count))


def rewards_of(version: str, earned: Sums, phi: float, alpha: float = ALPHA) -> Rewards:
    """Give what an arm earned with its interval.

    Args:
        version: Whose.
        earned: Since the test began.
        phi: Dispersion of rewards, >= 1.
        alpha: The probability that the interval ever misses the mean.
    """
    count, total = earned.count, earned.sum
    if not count:
        return Rewards(version=version)
    low, high = share_interval(total, count, phi, alpha)
    figure = Estimate(value=total / count, low=low, high=high)
    return Rewards(version=version, count=count, total=total, interval=figure)


def by_segment(value: Value | None) -> dict[str, Sums] | None:
    """Give the rewards of each segment that has some; None without any."""
    if not isinstance(value, Segments):
        return None
    found = {name: earned for name, each in value.sums.items() if (earned := sums(each))}
    return found or None


def intervals_of(
    metric: Metric, intervals: Iterable[Interval], challenger: str = ""
) -> tuple[Interval, ...]:
    """Give the intervals of one metric of one candidate, in order of time."""
    return tuple(i for i in intervals if i.metric == metric and i.challenger == challenger)


def cuts(
    metric: Metric,
    read: Callable[[Value | None], Earned | None],
    status: Status,
    intervals: Sequence[Interval],
) -> list[tuple[float, dict[str, Earned]]]:
    """Give what all arms earned between two cuts, in order of time, with where each block ends.

    Args:
        metric: What was counted.
        read: Gives what can be used of it; None where there is nothing.
        status: With the versions under test.
        intervals: Fresh ones.
    """
    assert status.stable is not None
    blocks: dict[tuple[float, float], dict[str, Earned]] = {}
    for version, challenger in candidates_of(status).items():
        for interval in intervals_of(metric, intervals, challenger):
            block = blocks.setdefault((interval.end, interval.start), {})
            for arm, value in (
                (status.stable.version, interval.stable),
                (version, interval.candidate),
            ):
                if (earned := read(value)) is not None:
                    block[arm] = earned
    return [(end, blocks[end, start]) for end, start in sorted(blocks)]


def candidates_of(status: Status) -> dict[str, str]:
    """Give by version what names each candidate's intervals, those that were dropped too."""
    assert status.candidate is not None
    versions = [challenger.model.version for challenger in status.challengers]
    return {status.candidate.version: ""} | {version: version for version in versions}


def arms_of(status: Status) -> tuple[str, ...]:
    """Give the versions that still take part, stable first."""
    assert status.stable is not None
    out = {dropped.version for dropped in status.dropped}
    return (status.stable.version, *(v for v in candidates_of(status) if v not in out))
