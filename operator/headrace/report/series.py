"""From the ticks of a release to what a chart draws: arrays over time, thinned, with gaps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headrace.api import CheckStatus, Outcome, TickRecord, Traffic
from headrace.api.status import Interval
from headrace.report.arms import candidates_in, carried

Floats = NDArray[np.float64]

POINTS = 240
"""As many points as a chart of half the page's width can show."""

_GAP_TICKS = 8
"""A silence of as many usual intervals is a gap, not a line."""


@dataclass(frozen=True, slots=True)
class Band:
    """One arm's figure over time; NaN where there was none.

    Attributes:
        value: The figure, shape `(n,)`.
        low: Lower end of its confidence sequence.
        high: Upper end.
    """

    value: Floats
    low: Floats
    high: Floats

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not np.isfinite(self.value).any()


@dataclass(frozen=True, slots=True)
class Series:
    """What one check said over time.

    Attributes:
        seconds: Since the release began, shape `(n,)`, rising.
        stable: Its figure of the stable arm.
        candidate: The candidate's.
        proof: Natural logarithm of the proof of safety; NaN in gaps.
    """

    seconds: Floats
    stable: Band
    candidate: Band
    proof: Floats


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds since the release began, with what it was."""

    start: float
    end: float
    what: str


def traffic_steps(ticks: Sequence[TickRecord], started: float) -> tuple[Floats, list[Traffic]]:
    """Give the changes of the traffic: seconds and what was carried from then on.

    Moments at which the router could not be read keep what it carried before. The last entry
    repeats the last traffic at the last tick. Of several candidates, the first one is always the
    candidate.
    """
    seconds: list[float] = []
    traffic: list[Traffic] = []
    candidates = candidates_in(ticks)
    for tick in ticks:
        seen = carried(tick, candidates)
        if seen is not None and (not traffic or seen != traffic[-1]):
            seconds.append(tick.time - started)
            traffic.append(seen)
    if traffic:
        seconds.append(ticks[-1].time - started)
        traffic.append(traffic[-1])
    if len(traffic) > 2 * POINTS:
        keep = thin(len(traffic), (), 2 * POINTS)
        seconds, traffic = [seconds[i] for i in keep], [traffic[i] for i in keep]
    return np.array(seconds, dtype=np.float64), traffic


def spans(
    ticks: Sequence[TickRecord], started: float, what: Callable[[TickRecord], str]
) -> list[Span]:
    """Group ticks by what `what` says of them; an empty word is no span."""
    found: list[Span] = []
    for index, tick in enumerate(ticks):
        word = what(tick)
        start = tick.time - started
        end = ticks[index + 1].time - started if index + 1 < len(ticks) else start
        if found and found[-1].what == word:
            found[-1] = Span(found[-1].start, end, word)
        else:
            found.append(Span(start, end, word))
    told = [span for span in found if span.what]
    longest = sorted(told, key=lambda span: span.start - span.end)[:POINTS]
    return sorted(longest, key=lambda span: span.start)


def is_blind(check: CheckStatus | None) -> bool:
    """Tell whether a check had nothing to judge by."""
    return check is not None and check.outcome in (Outcome.NO_DATA, Outcome.ERROR)


def find(tick: TickRecord, name: str) -> CheckStatus | None:
    """Find what a check said at a tick."""
    return next((check for check in tick.checks if check.name == name), None)


def check_series(
    ticks: Sequence[TickRecord], started: float, name: str, points: int = POINTS
) -> Series:
    """Give one check's figures, thinned, with NaN where time was not observed."""
    asked = [(tick, check) for tick in ticks if (check := find(tick, name)) is not None]
    outcomes = [check.outcome for _, check in asked]
    changes = [i for i in range(1, len(asked)) if outcomes[i] is not outcomes[i - 1]]
    gaps = _gaps([tick.time for tick, _ in asked])
    keep = thin(len(asked), [*changes, *gaps, *(gap - 1 for gap in gaps)], points)
    before_gap = set(gaps)
    seconds: list[float] = []
    rows: list[tuple[float, ...]] = []
    for index in keep:
        tick, check = asked[index]
        if index in before_gap and seconds:
            seconds.append((seconds[-1] + tick.time - started) / 2)
            rows.append((math.nan,) * 7)
        seconds.append(tick.time - started)
        rows.append((*_three(check.stable), *_three(check.candidate), check.proof))
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return Series(
        seconds=np.array(seconds, dtype=np.float64),
        stable=Band(table[:, 0], table[:, 1], table[:, 2]),
        candidate=Band(table[:, 3], table[:, 4], table[:, 5]),
        proof=table[:, 6],
    )


def reward_series(
    ticks: Sequence[TickRecord], started: float, version: str, points: int = POINTS
) -> tuple[Floats, Band]:
    """Give an arm's mean reward over time."""
    found = [
        (tick.time - started, arm.interval)
        for tick in ticks
        for arm in tick.rewards
        if arm.version == version and arm.interval is not None
    ]
    kept = [found[i] for i in thin(len(found), (), points)]
    table = np.array([_three(interval) for _, interval in kept], dtype=np.float64).reshape(-1, 3)
    seconds = np.array([second for second, _ in kept], dtype=np.float64)
    return seconds, Band(table[:, 0], table[:, 1], table[:, 2])


def combined_harm(
    ticks: Sequence[TickRecord], started: float, shares: Mapping[str, float]
) -> tuple[Floats, Floats]:
    """Give the evidence of harm of all checks together, as the engine combines it.

    Args:
        ticks: Of one release.
        started: When it began, Unix seconds.
        shares: Each check's prior share of the risk, by name; 1 for a check that the spec no
            longer has.

    Returns:
        Seconds, and the natural logarithm of the checks' weighted mean e-value.
    """
    asked = [tick for tick in ticks if tick.checks]
    keep = thin(len(asked), _gaps([tick.time for tick in asked]), POINTS)
    seconds = [asked[i].time - started for i in keep]
    values = []
    for i in keep:
        # A share of 0: it judges by itself, and its evidence is no evidence of harm.
        said = [(shares.get(check.name, 1.0), check.harm) for check in asked[i].checks]
        combined = [(share, harm) for share, harm in said if share > 0] or [(1.0, 0.0)]
        share, harm = (np.array(column, dtype=np.float64) for column in zip(*combined, strict=True))
        values.append(float(np.logaddexp.reduce(np.log(share / share.sum()) + harm)))
    return np.array(seconds, dtype=np.float64), np.array(values, dtype=np.float64)


def thin(length: int, important: Sequence[int], points: int) -> list[int]:
    """Choose at most about `2 * points` indices: evenly spaced ones, the ends, and `important`.

    Args:
        length: How many there are.
        important: Indices to keep, such as changes; themselves thinned when there are too many.
        points: How many a chart can show.
    """
    if length <= points:
        return list(range(length))
    even = {round(i * (length - 1) / (points - 1)) for i in range(points)}
    extra = sorted(set(important))
    if len(extra) > points:
        extra = [extra[round(i * (len(extra) - 1) / (points - 1))] for i in range(points)]
    return sorted(even | set(extra))


def _three(interval: Interval | None) -> tuple[float, float, float]:
    if interval is None:
        return (math.nan, math.nan, math.nan)
    return (interval.value, interval.low, interval.high)


def _gaps(times: Sequence[float]) -> list[int]:
    """Give the indices before which nothing was observed for long."""
    if len(times) < 3:
        return []
    steps = np.diff(np.array(times, dtype=np.float64))
    usual = float(np.median(steps))
    if usual <= 0:
        return []
    return [int(i) + 1 for i in np.flatnonzero(steps > _GAP_TICKS * usual)]
