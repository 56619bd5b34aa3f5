"""Which queries a tick needs: for all rollouts together, and no further back than they need.

One query for each family of counters serves all rollouts that are up to date. Two more are for
what is rare, and never more than two:

- Rollouts that are *behind*, as theirs has just begun and has a past to read, or as Prometheus was
  away. They are read together, oldest first, and so many at a time that an answer stays small.
- Counters that are *new* in what was read. Did they begin at zero, or were they just not scraped
  for a while? Another query for their targets looks further back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.engine.observations import CATCHING_UP, MetricKey
from headrace.metrics.answers import Unreadable
from headrace.metrics.arms import Share, identity, share_out
from headrace.metrics.increments import GONE
from headrace.metrics.queries import Family, counters_for, family_of, query_for
from headrace.metrics.series import Series
from headrace.metrics.source import Request

Roles = dict[str, Share]
Wanted = tuple[str, MetricKey]
"""Rollout and metric."""

NEAR = 120.0
"""Seconds that may be read for everybody, whoever needs them."""

_PAST = 8
"""Intervals that are more than somebody needs who is up to date."""

FURTHER = 3600.0
"""Seconds before the first sample of a counter in which it is looked for."""

MOST_SAMPLES = 300_000
"""About as many samples of rollouts that are behind are read at a tick, some 10 MB."""

_BUCKETS, _OTHERS = 20, 4
"""Series of an arm, about."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One query, and who gets its answer.

    Attributes:
        query: A range selector.
        at: Where its window ends, by Prometheus' clock, Unix seconds.
        shares: Of one family, at least one.
    """

    query: str
    at: float
    shares: Sequence[Share]

    def fail(self, error: Unreadable) -> None:
        """Tell everybody that there is no answer."""
        for share in self.shares:
            share.error = error

    def hand_out(self, answer: Sequence[Series]) -> None:
        """Give everybody the answer's series that are theirs."""
        share_out(answer, self.shares)

    def hand_out_earlier(self, answer: Sequence[Series]) -> None:
        """Put the earlier days of new series in front of them."""
        earlier = {identity(one): one for one in answer}
        for share in self.shares if earlier else ():
            share.precede(earlier)


class Reading:
    """What one tick reads of counters.

    Args:
        requests: One per rollout.
        now: By Prometheus' clock, Unix seconds.

    Attributes:
        wanted: By rollout and metric, what it gets by role.
    """

    def __init__(self, requests: Sequence[Request], now: float) -> None:
        self._now = now
        self.wanted: dict[Wanted, Roles] = {}
        for request in requests:
            for metric, since in request.since.items():
                check = request.queries.get(metric)
                if check is None or check.query is None:
                    roles = _roles(metric, request, since)
                    self.wanted[request.rollout, metric] = roles
        self._waiting = self._too_many()

    def batches(self) -> list[Batch]:
        """Give the queries for what everybody needs, and for who is behind."""
        groups: dict[tuple[Family, bool], list[Share]] = {}
        for (rollout, _), roles in self.wanted.items():
            for share in roles.values():
                window = self._window(share)
                if rollout in self._waiting and _is_past(share, window):
                    message = "the past of other rollouts is read first"
                    share.error = Unreadable(CATCHING_UP, message)
                elif share.counters.versions:
                    key = family_of(share.counters), window > NEAR
                    groups.setdefault(key, []).append(share)
        return [self._batch(shares) for shares in groups.values()]

    def batches_for_new(self, read: Sequence[Batch]) -> list[Batch]:
        """Give the queries for the earlier days of counters that seem to be new.

        Args:
            read: Those whose answers are shared out.
        """
        groups: dict[Family, list[Share]] = {}
        for share in (share for batch in read for share in batch.shares):
            if next(iter(share.new()), None) is not None:
                groups.setdefault(family_of(share.counters), []).append(share)
        batches = []
        for shares in groups.values():
            new = [one for share in shares for one in share.new()]
            instances = {one.labels.get("instance", "") for one in new}
            query = query_for((share.only_new() for share in shares), FURTHER, instances)
            batches.append(Batch(query, min(one.times[0] for one in new), shares))
        return batches

    def _batch(self, shares: Sequence[Share]) -> Batch:
        window = max(self._window(share) for share in shares)
        return Batch(query_for((share.counters for share in shares), window), self._now, shares)

    def _window(self, share: Share) -> float:
        """Give the seconds back to the last sample of any target that is not gone."""
        # A watermark may be ahead, as Prometheus' clock was set back, or was not known yet.
        return max(1.0, self._now - share.since + GONE * share.interval)

    def _too_many(self) -> frozenset[str]:
        cost: dict[str, float] = {}
        oldest: dict[str, float] = {}
        for (rollout, _), roles in self.wanted.items():
            for share in roles.values():
                window = self._window(share)
                if _is_past(share, window):
                    cost[rollout] = cost.get(rollout, 0.0) + _samples(share, window)
                    oldest[rollout] = min(share.since, oldest.get(rollout, share.since))
        left = float(MOST_SAMPLES)
        waiting = set()
        for place, rollout in enumerate(sorted(cost, key=lambda key: (oldest[key], key))):
            left -= cost[rollout]
            if left < 0 and place:
                waiting.add(rollout)
        return frozenset(waiting)


def _samples(share: Share, window: float) -> float:
    has_buckets = "bucket" in str(share.counters.selector)
    series = len(share.counters.versions) * (_BUCKETS if has_buckets else _OTHERS)
    return series * window / share.interval


def _is_past(share: Share, window: float) -> bool:
    return window > max(NEAR, _PAST * share.interval)


def _roles(metric: MetricKey, request: Request, since: float) -> Roles:
    return {
        role: Share(counters, since, request.interval)
        for role, counters in counters_for(metric, request).items()
    }
