"""A replay's decisions in order, each with what the plan asked for and what was carried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headrace.api import Requests, TickRecord, Traffic

_APART = 0.03
_RELATIVE = 0.3
_ENOUGH = 50
_SETTLING = 2
"""Ticks after a change of plan whose requests may still be of the traffic before it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, and what happened until the next one.

    Attributes:
        time: Unix seconds.
        action: What follows.
        reason: In one CamelCase word.
        message: In a sentence with the numbers.
        asked: The traffic that the plan asks for from here on.
        requests: Of all arms until the next decision, those aside that came while the traffic
            was still changing.
    """

    time: float
    action: str
    reason: str
    message: str
    asked: Traffic
    requests: Requests

    @property
    def share(self) -> float | None:
        """The candidate's share of its own and stable's live requests; None without any."""
        live = self.requests.stable + self.requests.candidate
        return self.requests.candidate / live if live else None

    @property
    def copied(self) -> float | None:
        """Copied requests over those that stable answered; None without any of these."""
        return self.requests.mirrored / self.requests.stable if self.requests.stable else None

    @property
    def differs(self) -> bool:
        """Whether the recorded traffic is clearly another than the plan asked for."""
        if self.requests.stable + self.requests.candidate < _ENOUGH:
            return False
        asked = self.asked
        both = asked.stable + asked.candidate
        pairs = ((asked.candidate / (both or 1), self.share), (asked.mirror / 100, self.copied))
        return any(
            found is not None and abs(found - wished) > _APART + _RELATIVE * wished
            for wished, found in pairs
        )


def timeline(records: Iterable[TickRecord]) -> list[Decided]:
    """Give every change of decision; a tick that repeats the last one is part of it.

    Args:
        records: Of all ticks in order.
    """
    groups: list[list[TickRecord]] = []
    settling = 0
    settled: list[Requests | None] = []
    for one in records:
        changed = not groups or groups[-1][-1].asked != one.asked
        settling = _SETTLING if changed else max(settling - 1, 0)
        if not groups or _told(groups[-1][-1]) != _told(one):
            groups.append([])
            settled.append(None)
        groups[-1].append(one)
        if settled[-1] is None and not settling:
            settled[-1] = one.requests
    return [
        Decided(
            time=group[0].time,
            action=group[0].action,
            reason=group[0].reason,
            message=group[0].message,
            asked=group[0].asked,
            requests=Requests() if begun is None else _between(begun, group[-1].requests),
        )
        for group, begun in zip(groups, settled, strict=True)
    ]


def _told(record: TickRecord) -> tuple[object, ...]:
    return record.action, record.reason, record.asked


def _between(before: Requests, after: Requests) -> Requests:
    first, last = before.model_dump(by_alias=False), after.model_dump(by_alias=False)
    return Requests(**{name: last[name] - first[name] for name in first})
