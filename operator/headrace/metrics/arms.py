"""Whose counter is it: each series of an answer goes to the rollouts that it counts for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from headrace.engine.counters import Counters
from headrace.metrics.series import Series

SeriesOfArms = dict[str, list[Series]]
"""By version."""

UNLABELLED = ""
"""The version of a series that has no label to tell it."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one metric of one rollout gets of an answer.

    Attributes:
        counters: What it asked for.
        arms: What it got.
    """

    counters: Counters
    arms: SeriesOfArms = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Name the arms that may get nothing, too."""
        self.arms.update({version: [] for version in self.counters.versions.values()})


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
