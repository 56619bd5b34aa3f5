"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headrace.report import wording
from headrace.report.charts import Chart, release_charts
from headrace.report.report import CheckEntry, DecisionEntry, Event, Release, Report
from headrace.report.style import arm_colours

_CHARTED = 12
"""The latest releases get charts; a page with more of them would be too large to open."""

_ROWS = 2400
"""Decisions on the page, shared by all releases."""

_EVENTS = 300


@dataclass(frozen=True, slots=True)
class _Section:
    """One release as the page shows it."""

    release: Release
    anchor: str
    charts: Sequence[Chart]
    decisions: Sequence[DecisionEntry]
    left_out: int
    """Decisions between the shown ones."""


def render_html(report: Report) -> str:
    """Write the page.

    Args:
        report: Names and messages in it are treated as hostile.

    Returns:
        A whole HTML document.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": lambda text: _typeset(wording.plain(text)),
        "sentence": lambda text: _typeset(wording.sentence(text)),
        "count": wording.count,
        "span": wording.span,
        "clock": wording.clock,
        "words": lambda outcome: wording.OUTCOME_WORDS[outcome],
    }
    first_charted = len(report.releases) - _CHARTED
    sections = [
        _section(report, index, charted=index >= first_charted)
        for index in range(len(report.releases))
    ]
    return environment.get_template("report.html").render(
        report=report,
        sections=sections,
        uncharted=max(0, first_charted),
        events=report.events[-_EVENTS:],
        events_left_out=max(0, len(report.events) - _EVENTS),
        statuses=_statuses(report),
        estimate=_estimate,
        asked=_asked,
        offset=_offset,
        period=_period,
        svg=_svg,
        when=_when,
        arm_colours=arm_colours,
        earned=lambda arm: wording.estimate("reward", arm.earned),
    )


def _section(report: Report, index: int, *, charted: bool) -> _Section:
    release, anchor = report.releases[index], f"release-{index + 1}"
    rows = max(20, min(200, _ROWS // len(report.releases)))
    decisions: Sequence[DecisionEntry] = release.decisions
    left_out = max(0, len(decisions) - rows)
    if left_out:
        decisions = (*decisions[: rows // 2], *decisions[-(rows - rows // 2) :])
    charts = release_charts(report, release, anchor) if charted else []
    return _Section(release, anchor, charts, decisions, left_out)


def _statuses(report: Report) -> list[str]:
    """Give every status that the client saw, as columns."""
    if report.client is None:
        return []
    return sorted({status for answers in report.client.answers.values() for status in answers})


def _svg(chart: Chart) -> Markup:
    # Our own drawing: every text in it went through matplotlib's or our own XML escaping.
    return Markup(chart.svg)  # noqa: S704


def _typeset(text: str) -> str:
    """Keep numbers and their per cent signs on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _estimate(check: CheckEntry, arm: str) -> str:
    interval = check.stable if arm == "stable" else check.candidate
    return _typeset(wording.estimate(check.metric, interval))


def _asked(decision: DecisionEntry) -> str:
    weights = decision.weights
    text = f"{weights.stable} / {weights.candidate}"
    text += "".join(f", {version}: {share}" for version, share in weights.challengers.items())
    return f"{text}, mirror {weights.mirror}" if weights.mirror else text


def _period(release: Release) -> str:
    """Say from when to when, with the second day where it is another."""
    start = wording.clock(release.started, with_date=True)
    if release.ended is None:
        return f"{start}, {wording.span(release.duration_seconds)} so far"
    end = wording.clock(release.ended, with_date=True)
    shown = end if end[:10] != start[:10] else wording.clock(release.ended)
    return f"{start} to {shown}, {wording.span(release.duration_seconds)}"


def _offset(release: Release, decision: DecisionEntry) -> str:
    text = f"+{wording.span(decision.time - release.started)}"
    lasted = decision.until - decision.time
    return f"{text}, for {wording.span(lasted)}" if lasted >= 1 else text


def _when(report: Report, event: Event) -> str:
    """Give an event's time, with the day where the report is about more than one."""
    times = [release.started for release in report.releases] + [report.created]
    return wording.clock(event.time, with_date=max(times) - min(times) > 86_400)
