"""What the arms earned by segment of the users: told, and never decided by.

Every arm has an anytime-valid interval in every segment. All of them hold together with 95 %, at
all times: each has the same share of the risk, for as many segments as there may ever be. So
"in this segment another arm earns more than the one that leads on the whole" is said where their
intervals lie apart, and with 95 % none of these sentences is ever wrong. That costs power, and
the tests between the arms (`headrace.engine.goal`) know nothing of it.

The first segments that come keep their places. To choose by what was seen later would be another
comparison, and the same counts in other portions would give other figures.
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.api import Goal, Rewards, Segment, Status
from headrace.engine.checks.reference import FailureReference
from headrace.engine.kernels.confidence import ALPHA
from headrace.engine.observations import Metric, Observations, Sums
from headrace.engine.rewards import arms_of, by_segment, candidates_of, cuts, rewards_of

MOST = 20
"""Segments that are told apart, `other` among them."""

OTHER = "other"
"""All users beyond them, and those that nobody knows the segment of."""

Totals = dict[str, dict[str, Sums]]
"""By segment and version."""


def with_segments(goal: Goal, status: Status, observations: Observations) -> Goal:
    """Use fresh rewards by segment, each once.

    Args:
        goal: With the arms on the whole, and the dispersion of rewards.
        status: With the segments so far, and the versions under test.
        observations: Fresh intervals.
    """
    assert status.stable is not None
    versions = (status.stable.version, *candidates_of(status))
    totals: Totals = {
        each.name: {arm.version: Sums(arm.count, arm.total) for arm in each.arms}
        for each in (status.goal.segments if status.goal else [])
    }
    for _, block in cuts(Metric.SEGMENTS, by_segment, status, observations.intervals):
        # What stable earned before there was a candidate is no comparison.
        if totals or block.keys() - {status.stable.version}:
            _add(totals, block)
    phi = FailureReference.from_json(goal.state["reference"]).dispersion.short
    alpha = ALPHA / (MOST * len(versions))
    segments = [
        Segment(
            name=name,
            arms=[rewards_of(v, arms.get(v, Sums(0.0, 0.0)), phi, alpha) for v in versions],
        )
        for name, arms in totals.items()
    ]
    told = _told(goal, segments, arms_of(status))
    return goal.model_copy(update={"segments": segments, "segments_message": told})


def _add(totals: Totals, block: Mapping[str, Mapping[str, Sums]]) -> None:
    """Add what the arms earned between two cuts; of new segments the larger ones come first."""
    sizes: dict[str, float] = {}
    for earned in block.values():
        for name, more in earned.items():
            sizes[name] = sizes.get(name, 0.0) + more.count
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        full = len(totals.keys() - {OTHER}) >= MOST - 1
        arms = totals.setdefault(OTHER if full and name not in totals else name, {})
        for version, earned in block.items():
            if name in earned:
                before, more = arms.get(version, Sums(0.0, 0.0)), earned[name]
                arms[version] = Sums(before.count + more.count, before.sum + more.sum)


def _told(goal: Goal, segments: list[Segment], versions: tuple[str, ...]) -> str:
    """Say in which segments another version than on the whole is ahead, beyond chance."""
    if not segments or not any(arm.count for arm in goal.arms):
        return "no rewards have come back by segment"
    ahead = max((arm for arm in goal.arms if arm.version in versions), key=_mean).version
    found = [
        f"{better} earns more than {ahead} in {segment.name}"
        for segment in segments
        if (better := _better(segment, ahead, versions)) is not None
    ]
    risk = f"the intervals of up to {MOST} segments hold together with {100 * (1 - ALPHA):.0f} %"
    if not found:
        return f"no segment differs beyond chance from the whole, where {ahead} leads ({risk})"
    return f"on the whole {ahead} leads, but beyond chance {', '.join(found)} ({risk})"


def _better(segment: Segment, ahead: str, versions: tuple[str, ...]) -> str | None:
    """Name the version that is shown to earn more there than the one that leads on the whole."""
    arms = {arm.version: arm for arm in segment.arms if arm.version in versions}
    best, bar = max(arms.values(), key=_mean), arms[ahead].interval
    above = best.interval is not None and bar is not None and best.interval.low > bar.high
    return best.version if above else None


def _mean(arm: Rewards) -> float:
    return arm.total / arm.count if arm.count else -1.0
