"""The audit trail: what was live when, who asked for what, and why; and the why of one rollout."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from headrace.api import CheckStatus, HistoryEntry, ModelRollout, Phase
from headrace.engine.asks import command
from headrace.engine.observations import Wish
from headrace.errors import NotFound
from headrace.report import wording
from headrace.report.facts import OUTCOME_STYLES, requests_text


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the trail.

    Attributes:
        time: Unix seconds.
        what: In words, as in `2 promoted`, or what was typed.
        by: Who.
        message: Why, or what came of it, in a sentence.
        kind: The outcome of a rollout; empty for what somebody asked.
    """

    time: float
    what: str
    by: str
    message: str
    kind: str = ""


def trail(rollout: ModelRollout) -> tuple[Happening, ...]:
    """Give what happened in order of time: the ends of rollouts, and people's requests."""
    ends = [
        Happening(
            entry.ended,
            f"{entry.version} {wording.OUTCOME_WORDS[entry.outcome]}",
            entry.by,
            entry.message,
            entry.outcome,
        )
        for entry in rollout.status.history
    ]
    asked = [
        Happening(wished.time, command(Wish(wished.wish)), wished.by, wished.answer)
        for wished in rollout.status.wishes
    ]
    return tuple(sorted([*ends, *asked], key=lambda one: one.time))


def render_trail(rollout: ModelRollout) -> RenderableType:
    """Show the audit trail, the newest last."""
    happenings = trail(rollout)
    title = Text(wording.plain(rollout.key), style="bold")
    if not happenings:
        return Group(title, Text("nothing has happened yet"))
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column()
    for one in happenings:
        table.add_row(
            Text(wording.clock(one.time, with_date=True), style="dim"),
            Text(wording.plain(one.what), style=OUTCOME_STYLES.get(one.kind, "")),
            Text(wording.plain(one.by)),
            Text(wording.sentence(one.message)),
        )
    return Group(title, table)


def render_why(rollout: ModelRollout, version: str | None = None) -> RenderableType:
    """Say why a version is where it is, with the numbers.

    Args:
        rollout: With its status.
        version: Which one; by default the one under test, else the last one that was.

    Raises:
        NotFound: Nothing is known of the version.
    """
    status = rollout.status
    models = (status.candidate, *(challenger.model for challenger in status.challengers))
    under_test = [model.version for model in models if model is not None]
    if version in under_test or (version is None and under_test):
        return Group(*_under_way(rollout))
    entries = [e for e in status.history if version is None or e.version == version]
    if not entries:
        known = ", ".join(dict.fromkeys(e.version for e in status.history)) or "none"
        named = f"version {version}" if version else "any version"
        raise NotFound(f"{rollout.key} has no record of {named}. Known: {known}.")
    entry = entries[-1]
    # The checks are kept until the next rollout begins.
    is_last = entry is status.history[-1] and not under_test
    return Group(*_ended(rollout, entry, status.checks if is_last else []))


def _under_way(rollout: ModelRollout) -> list[RenderableType]:
    status = rollout.status
    assert status.candidate is not None
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{wording.plain(rollout.key)} {status.candidate.version}", "bold"),
            f" is {_doing(status.phase)}",
        )
    ]
    if status.decision is not None:
        since = wording.clock(status.decision.time, with_date=True)
        parts.append(
            Text(wording.plain(f"{status.decision.action} {status.decision.reason} since {since}"))
        )
        parts.append(Text(wording.sentence(status.decision.message)))
    told = requests_text(status.requests, status.challengers)
    parts.append(Text.assemble(("requests: ", "dim"), told))
    parts += _numbers(rollout, status.checks)
    for challenger in status.challengers:
        parts.append(Text(f"challenger {challenger.model.version}"))
        parts += _numbers(rollout, challenger.checks)
    return parts


def _doing(phase: Phase) -> str:
    return {
        Phase.PAUSED: "paused",
        Phase.PROMOTING: "being promoted",
        Phase.ROLLING_BACK: "being rolled back",
        Phase.INVALID: "left as it is, because the spec is invalid",
    }.get(phase, "under test")


def _ended(
    rollout: ModelRollout, entry: HistoryEntry, checks: list[CheckStatus]
) -> list[RenderableType]:
    style = OUTCOME_STYLES.get(entry.outcome, "")
    outcome = wording.OUTCOME_WORDS[entry.outcome]
    ended = wording.clock(entry.ended, with_date=True)
    head = Text.assemble(
        (wording.plain(f"{rollout.key} {entry.version}"), "bold"),
        " ",
        (outcome, style),
        f" at {ended}, {wording.span(entry.ended - entry.started)} after it began, by ",
        wording.plain(entry.by),
    )
    parts: list[RenderableType] = [head, Text(wording.sentence(entry.message))]
    parts.append(Text.assemble(("requests: ", "dim"), requests_text(entry.requests)))
    return parts + _numbers(rollout, checks)


def _numbers(rollout: ModelRollout, checks: list[CheckStatus]) -> list[RenderableType]:
    """Show what each check has seen of both arms, with intervals and samples."""
    asked = [check for check in checks if check.reason]
    if not asked:
        return []
    subjects = {check.name: check.subject for check in rollout.spec.analysis.checks}
    table = Table.grid(padding=(0, 2))
    headings = ("check", "", "candidate", "stable", "samples")
    table.add_row(*(Text(heading, style="dim") for heading in headings))
    for check in asked:
        subject = subjects.get(check.name, "")
        samples = f"{check.candidate_samples:,} / {check.stable_samples:,}"
        table.add_row(
            Text(wording.plain(check.name)),
            Text(check.outcome.value),
            Text(wording.estimate(subject, check.candidate)),
            Text(wording.estimate(subject, check.stable)),
            Text(samples),
        )
    return [Text(""), table]
