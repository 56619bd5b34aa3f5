"""From what one rollout got of the answers to its intervals, watermarks and problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.engine.observations import Interval, Level, MetricKey, Problem
from headrace.metrics.answers import MISSING_LABEL, NOT_A_NUMBER, Unreadable
from headrace.metrics.arms import UNLABELLED, SeriesOfArms, Share
from headrace.metrics.increments import GONE, Watch, boundaries
from headrace.metrics.replicas import without_copies
from headrace.metrics.restarts import restarted
from headrace.metrics.series import Series
from headrace.metrics.source import Measured, Request
from headrace.metrics.values import Span, is_binned, is_reference, reference_of, value_of
from headrace.metrics.whole import whole

_IDLE = 4.0
"""Intervals before now from which on counters are looked for that nobody has seen."""


class Collected:
    """The intervals of one rollout, metric by metric.

    Args:
        request: What it asked for.
        now: By Prometheus' clock, Unix seconds.
        settle: Seconds after which a scrape's samples are surely all visible.
    """

    def __init__(self, request: Request, now: float, settle: float) -> None:
        self._request = request
        self._now, self._settled = now, now - settle
        self._staleness = GONE * request.interval
        self._intervals: list[Interval] = []
        self._watermarks: dict[MetricKey, float] = {}
        self._problems: list[Problem] = []
        # What the engine calls each candidate: the first one has no name of its own.
        self._whose = ("", *request.candidates[1:])

    def result(self) -> Measured:
        """Give everything that was added."""
        return Measured(tuple(self._intervals), dict(self._watermarks), tuple(self._problems))

    def add_levels(self, metric: MetricKey, levels: Sequence[float | Unreadable | None]) -> None:
        """Take what a gauge says now of each candidate; there is no past to read."""
        since = self._request.since[metric]
        for level, whose in zip(levels, self._whose, strict=True):
            if isinstance(level, Unreadable):
                self._problems.append(Problem(metric, level.reason, str(level), whose))
            elif level is not None and self._now > since:
                looked = Interval(metric, since, self._now, None, Level(level), whose)
                self._intervals.append(looked)
        if not all(isinstance(level, Unreadable) for level in levels):
            self._watermarks[metric] = max(since, self._now)

    def add(self, metric: MetricKey, shares: Mapping[str, Share]) -> None:
        """Take what counters did since the watermark.

        Args:
            metric: What they make.
            shares: By role, what the rollout got.
        """
        error = next((share.error for share in shares.values() if share.error), None)
        if error is not None:
            self._add_problem(metric, error)
            return
        for share in shares.values():
            for version, group in share.arms.items():
                share.arms[version] = without_copies(group, self._staleness)
            share.arms = restarted(whole(share.arms, self._staleness), share.counters.code)
        ours = [one for share in shares.values() for group in share.arms.values() for one in group]
        nonsense = sum(one.nonsense for one in ours)
        if nonsense and not any(one.times for one in ours):
            message = f"no scrape can be used: {nonsense} samples are NaN, infinite or negative"
            self._problems.append(Problem(metric, NOT_A_NUMBER, message))
            return
        try:
            _require_labels(shares)
            self._cut(metric, shares)
        except ValueError as error:
            self._problems.append(Problem(metric, MISSING_LABEL, str(error)))

    def _add_problem(self, metric: MetricKey, error: Unreadable) -> None:
        self._problems.append(Problem(metric, error.reason, str(error)))

    def _cut(self, metric: MetricKey, shares: Mapping[str, Share]) -> None:
        arms: Mapping[str, SeriesOfArms] = {role: share.arms for role, share in shares.items()}
        counters = next(iter(shares.values())).counters
        references: SeriesOfArms = {}
        if is_binned(metric):
            arms, references = _apart(arms)
        ours = [one for of in arms.values() for group in of.values() for one in group]
        watch = Watch(ours, self._staleness)
        request, start = self._request, self._request.since[metric]
        made = []
        for end in boundaries(ours, start, self._settled, self._staleness):
            span = Span(start, end, watch, self._staleness)
            did = {
                version: value_of(
                    metric, {role: of.get(version, ()) for role, of in arms.items()}, span, counters
                )
                for version in (request.stable, *request.candidates)
            }
            stable = did[request.stable]
            for version, whose in zip(request.candidates, self._whose, strict=True):
                reference = reference_of(references.get(version, ()), end)
                candidate = did[version]
                made.append(Interval(metric, start, end, stable, candidate, whose, reference))
            start = end
        if not any(one.times for one in ours):
            # Nobody counts this. What somebody counts later is new then; no need to look at all
            # of the time before.
            start = max(start, self._settled - _IDLE * request.interval)
        self._intervals += made
        self._watermarks[metric] = start


def _require_labels(shares: Mapping[str, Share]) -> None:
    for share in shares.values():
        for one in share.arms.get(UNLABELLED, ()):
            name, label = one.labels.get("__name__", "a counter"), share.counters.arm
            raise ValueError(f"a series of {name} has no label {label} to tell its version")


def _apart(arms: Mapping[str, SeriesOfArms]) -> tuple[dict[str, SeriesOfArms], SeriesOfArms]:
    """Set the training data of each version apart from what was served."""
    served: dict[str, SeriesOfArms] = {}
    references: dict[str, list[Series]] = {}
    for role, of in arms.items():
        served[role] = {v: [s for s in some if not is_reference(s)] for v, some in of.items()}
        for version, some in of.items():
            references.setdefault(version, []).extend(s for s in some if is_reference(s))
    return served, references
