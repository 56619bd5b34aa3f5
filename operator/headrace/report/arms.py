"""Who took part in a release: one candidate, or several whose ticks are told apart by version."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.api import CheckStatus, Requests, TickRecord, Traffic


def candidates_in(ticks: Sequence[TickRecord]) -> tuple[str, ...]:
    """Give the candidates of a release with several, the first one first; none with one."""
    for tick in ticks:
        if tick.challengers:
            return (tick.version, *(challenger.version for challenger in tick.challengers))
    return ()


def view_of(tick: TickRecord, version: str) -> TickRecord:
    """Give a tick as if it were about this candidate alone, for its checks."""
    return tick.model_copy(update={"checks": _checks(tick, version), "challengers": []})


def views_of(ticks: Sequence[TickRecord], version: str) -> list[TickRecord]:
    """Give all ticks so."""
    return [view_of(tick, version) for tick in ticks]


def _checks(tick: TickRecord, version: str) -> list[CheckStatus]:
    if tick.version == version:
        return tick.checks
    return next((c.checks for c in tick.challengers if c.version == version), [])


def requests_of(ticks: Sequence[TickRecord], version: str) -> Requests:
    """Give what a candidate answered, as far as it was told; stable's are in it too."""
    for tick in reversed(ticks):
        if not tick.challengers:
            continue
        if tick.version == version:
            return tick.requests
        for challenger in tick.challengers:
            if challenger.version == version:
                return challenger.requests
    return Requests()


def carried(tick: TickRecord, candidates: Sequence[str]) -> Traffic | None:
    """Give what was carried, with the first of these candidates as the candidate.

    Once one has been chosen it is the candidate, whoever was before.
    """
    seen = tick.seen
    if seen is None or not candidates:
        return seen
    shares = dict(seen.challengers)
    owner = tick.version if tick.version in candidates else candidates[0]
    if tick.version in shares:
        # The tick that chose it still saw the traffic of before.
        owner = candidates[0]
    shares[owner] = shares.get(owner, 0) + seen.candidate
    first = shares.pop(candidates[0], 0)
    return seen.model_copy(update={"candidate": first, "challengers": shares})
