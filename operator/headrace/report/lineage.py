"""Where a version comes from and when it was live, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from headrace.api import HistoryEntry, ModelRollout
from headrace.api.fields import format_instant
from headrace.errors import NotFound
from headrace.registry import Registry
from headrace.registry.lineage import Lineage, trace
from headrace.report import wording
from headrace.report.report import ReleaseOutcome

_TOOK_OVER = ("Live", "Promoted")
"""Ends of a rollout that give a version all users."""

_NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class Stay:
    """What became of a version in one rollout of it.

    Attributes:
        rollout: `namespace/name` of the resource.
        outcome: As the history has it.
        time: When the rollout ended: for one that was promoted, since when it had all users.
        until: When another version took over, or the one before it again, Unix seconds; None while
            none has, and for a version that never had all users.
        message: Why, in a sentence.
    """

    rollout: str
    outcome: ReleaseOutcome
    time: float
    until: float | None
    message: str


def stays(rollouts: Iterable[ModelRollout], name: str, version: str) -> tuple[Stay, ...]:
    """Give what became of a version, in order of time, as far as histories reach back."""
    found = []
    for rollout in rollouts:
        if rollout.spec.model.name != name:
            continue
        history = rollout.status.history
        found += [
            Stay(rollout.key, entry.outcome, entry.ended, None, entry.message)
            for entry in history
            if entry.version == version and entry.outcome not in _TOOK_OVER
        ]
        taken = list(_takeovers(history))
        for (who, entry), later in zip_longest(taken, taken[1:]):
            if who == version:
                outcome = entry.outcome if entry.version == version else "Live"
                until = later[1].ended if later is not None else None
                found.append(Stay(rollout.key, outcome, entry.ended, until, entry.message))
    return tuple(sorted(found, key=lambda stay: stay.time))


def _takeovers(history: Iterable[HistoryEntry]) -> Iterator[tuple[str, HistoryEntry]]:
    """Give each version that took over all users, and with which entry of the history."""
    live = ""
    for entry in history:
        if entry.outcome in _TOOK_OVER:
            live = entry.version
            yield live, entry
        elif entry.version == live:
            # It was undone: the version before it is live again.
            live = entry.previous
            yield live, entry


def made_of(lineage: Lineage) -> dict[str, str]:
    """Give what a version was made of, as far as it is recorded, for a line of a report."""
    told = {
        "digest": lineage.digest,
        "data": lineage.data,
        "code": lineage.code,
        "run": lineage.run,
        "evaluation": lineage.evaluation,
    }
    return {what: text for what, text in told.items() if text}


def made_of_releases(rollout: ModelRollout, registry: Registry) -> dict[str, dict[str, str]]:
    """Give what each release was made of, by version; what nobody registered is left out.

    Args:
        rollout: With the history of its releases.
        registry: Where they were registered.

    Raises:
        HeadraceError: As `trace` does, but for versions that are not there.
    """
    status = rollout.status
    versions = [entry.version for entry in status.history]
    versions += [] if status.candidate is None else [status.candidate.version]
    found = {}
    for version in dict.fromkeys(versions):
        with suppress(NotFound):
            (lineage,) = trace(f"{rollout.spec.model.name}@{version}", registry)
            found[version] = made_of(lineage)
    return found


def lineage_document(lineage: Lineage, lived: Iterable[Stay]) -> dict[str, Any]:
    """Give a lineage as JSON values; instants as RFC 3339."""
    return {
        **asdict(lineage),
        "rollouts": [
            asdict(stay)
            | {
                "time": format_instant(stay.time),
                "until": None if stay.until is None else format_instant(stay.until),
            }
            for stay in lived
        ],
    }


def render_lineage(lineage: Lineage, lived: Iterable[Stay]) -> RenderableType:
    """Show a lineage to a person."""
    head = Text(wording.plain(f"{lineage.name}@{lineage.version}"), style="bold")
    if lineage.aliases:
        head.append(f"  {wording.plain(', '.join(lineage.aliases))}", "not bold green")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for what, text in (
        ("bundle", lineage.uri),
        ("digest", lineage.digest),
        ("run", lineage.run),
        ("data", lineage.data),
        ("code", lineage.code),
        ("evaluation", lineage.evaluation),
        ("scores", _scores(lineage.scores)),
        *lineage.metadata.items(),
    ):
        told = Text(wording.plain(text)) if text else Text(_NOT_RECORDED, style="dim")
        table.add_row(Text(wording.plain(what)), told)
    for what, others in lineage.related.items():
        if others:
            table.add_row(f"same {what}", Text(wording.plain(", ".join(others))))
    for stay in lived:
        table.add_row(Text(wording.OUTCOME_WORDS[stay.outcome]), _stay(stay))
    return Group(head, table)


def _scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in scores.items())


def _stay(stay: Stay) -> Text:
    since = wording.clock(stay.time, with_date=True)
    if stay.outcome not in _TOOK_OVER:
        return Text(f"{since} of {wording.plain(stay.rollout)}: {wording.sentence(stay.message)}")
    until = "now" if stay.until is None else wording.clock(stay.until, with_date=True)
    return Text(f"{since} to {until}, by {wording.plain(stay.rollout)}")
