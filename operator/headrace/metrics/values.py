"""From an arm's counters to what it did between two scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from headrace.engine.counters import Counters
from headrace.engine.observations import (
    Categories,
    Counts,
    Halves,
    Histogram,
    Metric,
    MetricKey,
    Segments,
    Sums,
    Value,
    feature_of,
)
from headrace.engine.segments import OTHER
from headrace.metrics.increments import Watch, bucket_increments, increment, level
from headrace.metrics.queries import (
    DISAGREEMENTS,
    REFERENCE,
    REWARD_COUNT,
    REWARD_SUM,
    SEGMENT_COUNT,
    SEGMENT_SUM,
)
from headrace.metrics.series import Series, bound_of

_LONGEST_SEGMENT = 63
"""Characters of a segment's name."""

Roles = Mapping[str, Sequence[Series]]
"""An arm's series by role: the field of a user's check, or empty."""


@dataclass(frozen=True, slots=True)
class Span:
    """What lies between two scrapes.

    Attributes:
        start: Unix seconds, exclusive.
        end: Unix seconds, inclusive.
        watch: When anything was scraped.
        staleness: Seconds after which an arm without a sample is not seen any more.
    """

    start: float
    end: float
    watch: Watch
    staleness: float

    def sees(self, series: Iterable[Series]) -> bool:
        """Tell whether any of these was scraped in it, or shortly before."""
        since = self.start - self.staleness
        return any(since < time <= self.end for one in series for time in one.times)

    def grown(self, series: Iterable[Series]) -> float:
        """Give by how much these counters grew together."""
        return sum(increment(one, self.start, self.end, self.watch) for one in series)


def is_reference(series: Series) -> bool:
    """Tell whether a series says how the training data were distributed, not what was served."""
    return series.labels.get("__name__", "").startswith(REFERENCE)


def is_binned(metric: MetricKey) -> bool:
    """Tell whether a metric is counted by bins, beside which the training data are."""
    return metric == Metric.PREDICTION or feature_of(metric) is not None


def value_of(metric: MetricKey, roles: Roles, span: Span, counters: Counters) -> Value | None:
    """Give what an arm did; None where it was not seen.

    Args:
        metric: What is made of the series.
        roles: The arm's series.
        span: From when to when.
        counters: For the label of the status, and the unit of buckets.

    Raises:
        ValueError: A bucket or a category has no usable label.
    """
    if not span.sees(one for group in roles.values() for one in group):
        return None
    own = roles.get("", ())
    if "buckets" in roles:
        return _histogram(roles["buckets"], span, counters.per_second)
    if "total" in roles:
        return _counts(span.grown(roles.get("bad", ())), span.grown(roles["total"]))
    if "count" in roles:
        squares = span.grown(roles["squares"]) if "squares" in roles else None
        return Sums(span.grown(roles["count"]), span.grown(roles["sum"]), squares)
    if metric in (Metric.LATENCY, Metric.SERVER_LATENCY):
        return _histogram(own, span, counters.per_second)
    if metric == Metric.REWARD:
        return _sums(own, span, REWARD_COUNT, REWARD_SUM)
    if metric == Metric.SEGMENTS:
        return _segments(own, span)
    if is_binned(metric):
        return _categories((one, span.grown([one])) for one in own)
    if metric == Metric.SERVED:
        return _halves(own, span, counters.code)
    return _answers(own, span, counters.code)


def reference_of(series: Iterable[Series], end: float) -> Categories | None:
    """Give the training data of an arm as its servers showed them last; None if they do not.

    Raises:
        ValueError: A bucket or a category has no usable label.
    """
    seen: dict[tuple[str, str], tuple[Series, float]] = {}
    for one in series:
        value = level(one, end)
        if value is not None:
            # Every server of an arm shows the same bundle: once is enough.
            key = one.labels.get("le", ""), one.labels.get("category", "")
            seen[key] = one, value
    return _categories(seen.values()) if seen else None


def _histogram(series: Sequence[Series], span: Span, per_second: float) -> Histogram:
    buckets = bucket_increments(series, span.start, span.end, span.watch)
    bounds = tuple(round(bound / per_second, 9) for bound in buckets)
    return Histogram(bounds, tuple(buckets.values()))


def _halves(series: Sequence[Series], span: Span, code: str) -> Halves | None:
    """Count the answers of every second server apart; None if there is but one.

    Servers are told apart by what was scraped, in the order of its name: the halves stay the same
    for as long as the servers do.
    """
    targets = sorted({one.target for one in series})
    if len(targets) < 2:
        return None
    second = frozenset(targets[1::2])
    return Halves(
        _answers([one for one in series if one.target not in second], span, code),
        _answers([one for one in series if one.target in second], span, code),
    )


def _sums(series: Sequence[Series], span: Span, count: str, total: str) -> Sums:
    named = {
        name: [s for s in series if s.labels.get("__name__") == name] for name in (count, total)
    }
    return Sums(span.grown(named[count]), span.grown(named[total]))


def _segments(series: Sequence[Series], span: Span) -> Segments:
    groups: dict[str, list[Series]] = {}
    for one in series:
        # Model servers keep to this length; whoever else is scraped may not.
        name = one.labels.get("segment", "")[:_LONGEST_SEGMENT] or OTHER
        groups.setdefault(name, []).append(one)
    return Segments(
        {name: _sums(group, span, SEGMENT_COUNT, SEGMENT_SUM) for name, group in groups.items()}
    )


def _answers(series: Sequence[Series], span: Span, code: str) -> Counts:
    bad = span.grown(one for one in series if _is_bad(one.labels, code))
    return _counts(bad, span.grown(series))


def _counts(bad: float, total: float) -> Counts:
    return Counts(bad=min(bad, total), total=total)


def _categories(counted: Iterable[tuple[Series, float]]) -> Categories:
    cumulative: dict[float, float] = {}
    named: dict[str, float] = {}
    for one, number in counted:
        if "le" in one.labels:
            bound = bound_of(one)
            cumulative[bound] = cumulative.get(bound, 0.0) + number
        else:
            name = one.labels.get("category")
            if name is None:
                raise ValueError("a series of bins has neither the label le nor category")
            named[name] = named.get(name, 0.0) + number
    names, counts, below, low = [], [], 0.0, -math.inf
    for bound in sorted(cumulative):
        top = max(below, cumulative[bound])
        names.append(f"{low:g} to {bound:g}" if low > -math.inf else f"up to {bound:g}")
        counts.append(top - below)
        below, low = top, bound
    names += sorted(named)
    counts += [named[name] for name in sorted(named)]
    return Categories(tuple(names), tuple(counts))


def _is_bad(labels: Mapping[str, str], code: str) -> bool:
    # A class such as 5, or a status such as 503.
    failed = labels.get(code, "").startswith("5")
    return failed or labels.get("__name__") == DISAGREEMENTS
