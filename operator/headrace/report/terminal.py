"""What a terminal shows: the table of a report's releases, and where a rollout is right now."""

from __future__ import annotations

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from headrace.api import CheckStatus, Condition, Goal, ModelRollout, Phase, Rewards, Traffic
from headrace.api.fields import format_duration
from headrace.engine.asks import command
from headrace.engine.observations import Wish
from headrace.engine.strategies.build import strategy_of
from headrace.report import wording
from headrace.report.facts import OUTCOME_STYLES, requests_text
from headrace.report.outlook import ahead
from headrace.report.report import Release, Report

_WIDE = 118
"""From here on every fact has a column of its own."""

_SENTENCE = 400
"""Characters of a sentence that are shown; the report has all of it."""

_CELL = 240
"""The same in the table of releases."""

_STYLES = {
    "Pass": "green",
    "Fail": "bold red",
    "Inconclusive": "",
    "NoData": "yellow",
    "Error": "yellow",
    Phase.IDLE: "dim",
    Phase.PROGRESSING: "blue",
    Phase.PAUSED: "yellow",
    Phase.PROMOTING: "green",
    Phase.ROLLING_BACK: "red",
    Phase.HEALTHY: "green",
    Phase.ROLLED_BACK: "red",
    Phase.INVALID: "red",
}

_ENDED = (Phase.IDLE, Phase.HEALTHY, Phase.ROLLED_BACK, Phase.INVALID)


def release_table(report: Report) -> RenderableType:
    """Show the releases of a report; fits a narrow terminal as well as a wide one."""
    if not report.releases:
        return Text(wording.plain(report.summary))
    return _ReleaseTable(report.releases)


class _ReleaseTable:
    """Chooses its columns when it knows how wide the terminal is."""

    def __init__(self, releases: tuple[Release, ...]) -> None:
        self._releases = releases

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= _WIDE
        lines = box.ASCII2 if options.ascii_only else box.SIMPLE_HEAD
        table = Table(box=lines, show_edge=False, pad_edge=False, collapse_padding=True)
        table.add_column("Release", no_wrap=True, max_width=12)
        table.add_column("Outcome", no_wrap=True)
        table.add_column("Why" if wide else "Why, and who was affected", ratio=3 if wide else None)
        table.add_column("Requests", justify="right", no_wrap=True)
        table.add_column("Duration", justify="right", no_wrap=True)
        if wide:
            table.add_column("Who was affected", ratio=2)
        for index, release in enumerate(self._releases):
            last = index == len(self._releases) - 1
            why = Text(_sentence(release.message, _CELL))
            affected = Text(_sentence(release.affected, _CELL))
            if not wide:
                why = Text.assemble(why, "\n", ("Affected: ", "dim"), affected)
            requests = release.requests.stable + release.requests.candidate
            row: list[RenderableType] = [
                Text(wording.plain(release.version), style="bold"),
                Text(wording.OUTCOME_WORDS[release.outcome], style=OUTCOME_STYLES[release.outcome]),
                why,
                Text(wording.count(requests)),
                Text(wording.span(release.duration_seconds)),
            ]
            table.add_row(*row, *([affected] if wide else []))
            if not last:
                table.add_row()
        yield table


def render_status(rollout: ModelRollout, now: float) -> RenderableType:
    """Show where a rollout is: phase, step, weights, requests, checks, and the last decision.

    Args:
        rollout: With its status.
        now: Unix seconds.
    """
    status = rollout.status
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    facts.add_row("phase", _phase(rollout, now))
    facts.add_row("versions", _versions(rollout))
    if status.candidate is not None:
        facts.add_row("step", _step(rollout))
    if to_come := ahead(rollout):
        facts.add_row("to come", Text(to_come))
    weights = status.weights
    if status.stable is not None or status.candidate is not None:
        traffic = weights.asked if weights.seen is None else weights.seen
        facts.add_row("traffic", _Weights(traffic, seen=weights.seen is not None))
        if weights.seen is not None and weights.seen != weights.asked:
            facts.add_row("asked for", _Weights(weights.asked, seen=True))
        facts.add_row("requests", requests_text(status.requests, status.challengers))
    if status.decision is not None:
        decision = status.decision
        ago = wording.span(max(0.0, now - decision.time))
        told = Text.assemble(
            (f"{wording.plain(decision.action)} {wording.plain(decision.reason)}", "bold"),
            (f", {ago} ago", "dim"),
            "\n",
            _sentence(decision.message),
        )
        facts.add_row("decision", told)
    if status.goal is not None and status.goal.segments_message:
        facts.add_row("segments", Text(_sentence(status.goal.segments_message)))
    if status.wishes:
        wished = status.wishes[-1]
        ago = wording.span(max(0.0, now - wished.time))
        said = f"{wording.plain(wished.by)}: {command(Wish(wished.wish))}, {ago} ago"
        facts.add_row("last asked", Text(f"{said}: {_sentence(wished.answer)}"))
    if status.conditions:
        facts.add_row("conditions", _conditions(status.conditions))
    parts: list[RenderableType] = [Text(wording.plain(rollout.key), style="bold"), facts]
    if status.checks and status.candidate is not None:
        parts += [Text(""), _checks(status.checks)]
        for challenger in status.challengers:
            parts += [Text(f"\nchallenger {challenger.model.version}"), _checks(challenger.checks)]
    if status.goal is not None and status.goal.segments:
        parts += [Text(""), _segments(status.goal)]
    return Group(*parts)


def _sentence(text: str, limit: int = _SENTENCE) -> str:
    return wording.shorten(wording.sentence(text), limit)


def _phase(rollout: ModelRollout, now: float) -> Text:
    status = rollout.status
    text = Text(status.phase.value, style=_STYLES[status.phase])
    if status.started is not None and status.phase not in _ENDED:
        text.append(f", for {wording.span(now - status.started)}", style="dim")
    return text


def _conditions(conditions: list[Condition]) -> Text:
    """Show all conditions; of those that are not as they should be, why."""
    text = Text()
    for condition in conditions:
        text.append(", " if text else "")
        bad = condition.status != ("False" if condition.type == "Stalled" else "True")
        bad = bad and condition.type != "Progressing" and condition.status != "Unknown"
        told = wording.plain(f"{condition.type} {condition.status}")
        text.append(told, style="red" if bad else "")
        if bad:
            text.append(f" ({wording.plain(condition.reason)})", style="dim")
    return text


def _versions(rollout: ModelRollout) -> Text:
    status = rollout.status
    text = Text(f"stable {status.stable.version}" if status.stable else "no stable version yet")
    if status.candidate is not None:
        text.append(f", candidate {status.candidate.version}")
    for challenger in status.challengers:
        text.append(f", challenger {challenger.model.version}")
    for dropped in status.dropped:
        text.append(f", {wording.plain(dropped.version)} was dropped")
    if status.rejected is not None:
        fate = "rolled back" if status.phase is Phase.ROLLED_BACK else "tried"
        text.append(f", {status.rejected.version} was {fate}")
    if status.previous is not None:
        text.append(f", {status.previous.model.version} still runs as a way back")
    return text


def _step(rollout: ModelRollout) -> Text:
    status, steps = rollout.status, strategy_of(rollout.spec).steps
    if status.ending is not None and status.ending.hold:
        held = format_duration(float(round(status.held)))
        return Text(f"after the switch, watched {held} of {format_duration(status.ending.hold)}")
    if not steps:
        return Text("one, until there is an answer")
    if status.step >= len(steps):
        return Text(f"all {len(steps)} have held")
    step = steps[status.step]
    text = Text(f"{status.step + 1} of {len(steps)}: {step}")
    if step.approval:
        text.append(", waits for `headrace promote`")
    elif status.carried_since is None:
        text.append(", the traffic is not there yet")
    else:
        held = format_duration(float(round(status.held)))
        text.append(f", held {held} of {format_duration(step.hold)}")
    return text


class _Weights:
    """A bar of the live weights, which says the same without colour."""

    def __init__(self, traffic: Traffic, *, seen: bool) -> None:
        self._traffic, self._seen = traffic, seen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        traffic = self._traffic
        width = max(10, min(40, options.max_width - 38))
        full, part = ("#", "=") if options.ascii_only else ("█", "▒")
        candidate = round(width * traffic.live / 100)
        if traffic.live:
            candidate = min(max(candidate, 1), width - (1 if traffic.stable else 0))
        bar = Text.assemble((full * (width - candidate), "blue"), (part * candidate, "dark_orange"))
        bar.append(f" stable {traffic.stable} %")
        if traffic.candidate:
            bar.append(f", candidate {traffic.candidate} %")
        for version, weight in traffic.challengers.items():
            bar.append(f", {version} {weight} %")
        if traffic.mirror:
            bar.append(f", {traffic.mirror} % copied")
        if not self._seen:
            bar.append(" (asked, not seen)", style="dim")
        yield bar


def _checks(checks: list[CheckStatus]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, max_width=20)
    table.add_column(no_wrap=True)
    table.add_column()
    for check in checks:
        outcome = check.outcome.value
        table.add_row(
            Text(wording.plain(check.name)),
            Text(outcome, style=_STYLES[outcome]),
            Text(_sentence(check.message)),
        )
    return table


def _segments(goal: Goal) -> Table:
    """Show the mean reward of every arm in every segment, with its interval."""
    table = Table.grid(padding=(0, 2))
    versions = [Text(f"{wording.plain(arm.version)} earns") for arm in goal.segments[0].arms]
    table.add_row(Text("segment"), *versions, style="dim")
    for segment in goal.segments:
        name = wording.shorten(wording.plain(segment.name), 20)
        table.add_row(Text(name), *(Text(_earned(arm)) for arm in segment.arms))
    return table


def _earned(arm: Rewards) -> str:
    mean = wording.estimate("reward", arm.interval)
    return f"{mean}, {wording.count(round(arm.count))} rewards"
