"""Whose counter is it: each series of an answer goes to the rollouts that it counts for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from headrace.engine.counters import Counters
from headrace.metrics.answers import Unreadable
from headrace.metrics.increments import GONE
from headrace.metrics.series import Series
from headrace.metrics.whole import whole

SeriesOfArms = dict[str, list[Series]]
"""By version."""

UNLABELLED = ""
"""The version of a series that has no label to tell it."""


@dataclass(slots=True)
class Share:
    """What one metric of one rollout gets of an answer.

    Attributes:
        counters: What it asks for.
        since: Up to which its counters have been used, Unix seconds.
        interval: Seconds between judgements.
        arms: What it gets.
        error: Why it gets nothing.
    """

    counters: Counters
    since: float = 0.0
    interval: float = 1.0
    arms: SeriesOfArms = field(default_factory=dict)
    error: Unreadable | None = None

    def __post_init__(self) -> None:
        """Name the arms that may get nothing, too."""
        self.arms.update({version: [] for version in self.counters.versions.values()})

    def new(self) -> Iterable[Series]:
        """Give the series that seem to have begun since the watermark, with a value already."""
        for group in whole(self.arms, GONE * self.interval).values():
            for one in group:
                known = one.goes_on and not ("le" in one.labels and one.unread)
                if one.times and one.times[0] > self.since and one.values[0] and not known:
                    yield one

    def only_new(self) -> Counters:
        """Give the counters that would find the new series."""
        arm, known = self.counters.arm, self.counters.versions
        values = {one.labels.get(arm, "") for one in self.new()}
        return replace(self.counters, versions={value: known[value] for value in values})

    def precede(self, earlier: Mapping[Identity, Series]) -> None:
        """Put what was found further back in front of the series that seemed to have begun."""
        for group in self.arms.values():
            for place, one in enumerate(group):
                before = earlier.get(identity(one))
                if before is not None:
                    since = self.counters.since.get(one.labels.get(self.counters.arm, ""), 0.0)
                    group[place] = one.preceded_by(before).after(since)


Identity = frozenset[tuple[str, str]]


def identity(series: Series) -> Identity:
    """Give what no other series has."""
    return frozenset(series.labels.items())


def share_out(series: Iterable[Series], shares: Sequence[Share]) -> None:
    """Give every series to whom it counts for; to several if they asked for the same.

    Args:
        series: Of the one answer to all of them.
        shares: Of one family of counters, at least one.
    """
    first = shares[0].counters
    names = (*first.labels, first.arm)
    wanting: dict[tuple[str, ...], list[tuple[Share, str]]] = {}
    for share in shares:
        labels = tuple(share.counters.labels.values())
        for value, version in share.counters.versions.items():
            wanting.setdefault((*labels, value), []).append((share, version))
    for one in series:
        found = one.labels
        for share, version in wanting.get(tuple(found.get(name, "") for name in names), ()):
            counters = share.counters
            if all(found.get(name, "") in ("", v) for name, v in counters.optional.items()):
                since = counters.since.get(found.get(counters.arm, ""))
                share.arms[version].append(one if since is None else one.after(since))
