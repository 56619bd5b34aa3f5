"""The charts of a report: inline SVG for the page, and one picture that shows all at a glance."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from headrace.api import Check
from headrace.engine.checks.build import checks_of
from headrace.report import evidence, figures, style, traffic
from headrace.report.report import Release, Report
from headrace.report.series import find, traffic_steps
from headrace.report.svg import to_svg
from headrace.report.wording import OUTCOME_WORDS, estimate, plain, shorten, span

FULL = (1000.0, 214.0)
HALF = (490.0, 226.0)
"""Width and height of a chart: points in the SVG, a little more in pixels on the page."""

_IN_OVERVIEW = 3


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the page.

    Attributes:
        title: What it shows.
        svg: An `<svg>` element.
        wide: Whether it takes the whole width of the page.
    """

    title: str
    svg: str
    wide: bool = False


def release_charts(report: Report, release: Release, name: str = "release") -> list[Chart]:
    """Draw one release: its traffic, its checks' figures, and the evidence.

    Args:
        report: For the checks of the spec and the risks.
        release: One of its releases; without ticks there is nothing to draw.
        name: What ids begin with; unique in the page.

    Returns:
        None for a first version, which there was nothing to compare with; else one to all.
    """
    if not release.ticks or not release.previous:
        return []
    scale = style.TimeScale.of(traffic.end_of(release), ticks=10)
    half_scale = style.TimeScale.of(traffic.end_of(release), ticks=6)

    def weights(axes: Axes) -> str:
        traffic.draw_weights(axes, release, scale)
        traffic.draw_decisions(axes, release, scale)
        return _weights_in_words(release)

    charts = [_chart(f"{name}-traffic", "Traffic and decisions", FULL, weights, wide=True)]
    measures = []
    if any(tick.rewards for tick in release.ticks):

        def rewards(axes: Axes) -> str:
            figures.draw_rewards(axes, release, half_scale)
            return "What each version earned on average, with its confidence sequence."

        measures.append(_chart(f"{name}-rewards", figures.REWARDS, HALF, rewards))
    for check, limits in measured(report, release):

        def measure(axes: Axes, check: Check = check, limits: Sequence[float] = limits) -> str:
            figures.draw_figure(axes, release, check, half_scale, limits)
            return _figure_in_words(release, check)

        title = figures.figure_title(check)
        measures.append(_chart(f"{name}-{check.name}", title, HALF, measure))
    charts += measures[:2]
    if any(tick.checks for tick in release.ticks):
        charts += _evidence(report, release, name, half_scale)
    return charts + measures[2:]


def measured(report: Report, release: Release) -> list[tuple[Check, list[float]]]:
    """Give one check per metric and quantile that has a chart, with all absolute limits of it."""
    seen = {
        status.name
        for tick in release.ticks
        for status in tick.checks
        if status.stable is not None or status.candidate is not None
    }
    drawn = [check for check in report.analysis.checks if check.subject in _METRICS]
    known = [check for check in drawn if check.name in seen]
    known.sort(
        key=lambda c: (_METRICS.index(c.subject), figures.quantile(c), not c.worse_than_stable)
    )
    groups = groupby(known, key=lambda c: (c.subject, figures.quantile(c)))
    chosen = []
    for _, group in groups:
        same = list(group)
        limits = [value for check in same if (value := figures.limit(check)) is not None]
        chosen.append((same[0], limits))
    return chosen


_METRICS = ("error-rate", "latency", "shadow-agreement")
"""What has a chart of its own; of the other checks the table tells the figures."""


def _evidence(report: Report, release: Release, name: str, scale: style.TimeScale) -> list[Chart]:
    comparisons = len(release.candidates) or 1
    harm_at = math.log(comparisons / report.analysis.risk.false_rollback)
    proof_at = math.log(comparisons / report.analysis.risk.missed_regression)
    shares = {check.name: check.share for check in checks_of(report.analysis)}
    asked = {status.name for tick in release.ticks for status in tick.checks}
    names = [c.name for c in report.analysis.checks if c.required and c.name in asked]

    def harm(axes: Axes) -> str:
        evidence.draw_harm(axes, release, shares, scale, harm_at)
        return f"Above odds of {math.exp(harm_at):,.0f} to 1 the version is rolled back."

    def proof(axes: Axes) -> str:
        evidence.draw_proof(axes, release, names, scale, proof_at)
        return f"Promotion waits until every line is above odds of {math.exp(proof_at):,.0f} to 1."

    charts = [_chart(f"{name}-harm", "Evidence of harm over time", HALF, harm)]
    if names:
        charts.append(_chart(f"{name}-proof", "Proof of safety over time", HALF, proof))
    return charts


def _chart(
    name: str,
    title: str,
    size: tuple[float, float],
    draw: Callable[[Axes], str],
    *,
    wide: bool = False,
) -> Chart:
    width, height = size
    with style.drawing(name):
        figure = Figure(figsize=(width / 72, height / 72), facecolor="none")
        left, right = (48, 24) if wide else (56, 96)
        top, bottom = (46, 24) if wide else (32, 24)
        axes = figure.add_axes(
            (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
        )
        axes.set_facecolor("none")
        description = draw(axes)
        return Chart(title, to_svg(figure, name, title, plain(description)), wide)


def _weights_in_words(release: Release) -> str:
    _, carried = traffic_steps(release.ticks, release.started)
    steps = [str(value) for value, _ in groupby(t.candidate for t in carried)]
    listed = ", ".join([*steps[:12], "…"] if len(steps) > 12 else steps)
    mirrored = max((t.mirror for t in carried), default=0)
    text = (
        f"In {span(release.duration_seconds)} version {release.version} answered {listed} per cent"
    )
    text += " of the live requests, one after the other."
    if mirrored:
        text += f" Up to {mirrored} per cent were copied to it."
    return text


def _figure_in_words(release: Release, check: Check) -> str:
    last = next(
        (found for tick in reversed(release.ticks) if (found := find(tick, check.name))), None
    )
    if last is None:
        return ""
    stable = estimate(check.subject, last.stable)
    return f"At the end: stable {stable}, candidate {estimate(check.subject, last.candidate)}."


def overview(report: Report, width: int = 1600, height: int = 900) -> bytes:
    """Draw the last releases side by side as a PNG.

    Args:
        report: With or without ticks; releases that were compared come first.
        width: Pixels.
        height: Pixels.

    Returns:
        The bytes of a PNG.
    """
    compared = [r for r in report.releases if any(tick.checks for tick in r.ticks)]
    shown = compared or [r for r in report.releases if r.ticks] or list(report.releases)
    shown = shown[-_IN_OVERVIEW:]
    dpi = 120.0
    with style.drawing("overview"):
        figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor="white")
        unit = 72 / dpi
        inner = height * unit
        figure.text(
            0.022,
            1 - 30 / inner,
            style.drawable(shorten(plain(report.title), 90)),
            fontsize=15,
            fontweight="bold",
            va="center",
        )
        figure.text(
            0.022,
            1 - 51 / inner,
            style.drawable(shorten(plain(report.summary), 190)),
            fontsize=9,
            color=style.QUIET,
            va="center",
        )
        for column, release in enumerate(shown):
            _draw_column(figure, report, release, column, len(shown))
        buffer = io.BytesIO()
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _draw_column(figure: Figure, report: Report, release: Release, column: int, of: int) -> None:
    """Draw one release: its heading, its traffic, and the figures of two checks."""
    width, height = (72 * float(inches) for inches in figure.get_size_inches())
    margin, gutter = 22.0, 34.0
    cell = (width - 2 * margin - (of - 1) * gutter) / of
    left = margin + column * (cell + gutter)
    colour = {"RolledBack": style.HARM, "Promoted": style.PROOF}.get(release.outcome, style.QUIET)
    heading = f"Version {release.version} {OUTCOME_WORDS[release.outcome]}"
    quiet: dict[str, Any] = {"fontsize": 9, "color": style.QUIET}
    fitting = int(cell / 4.75)
    why = textwrap.wrap(
        plain(f"{_when(release)}: {release.message}"), fitting, max_lines=2, placeholder=" …"
    )
    lines = [*why, shorten(plain(f"who: {release.affected}"), fitting)]
    bold: dict[str, Any] = {"fontsize": 12.5, "fontweight": "bold", "color": colour}
    for down, text, options in (
        (82, heading, bold),
        *((98 + 13 * row, line, quiet) for row, line in enumerate(lines)),
    ):
        figure.text(left / width, 1 - down / height, style.drawable(text), **options)
    if not release.ticks:
        return
    scale = style.TimeScale.of(traffic.end_of(release), ticks=6)

    def place(top: float, tall: float) -> Axes:
        """Add axes `top` points below the upper edge, `tall` points high."""
        box = (left + 40, height - top - tall, cell - 40 - 82, tall)
        return figure.add_axes(
            (box[0] / width, box[1] / height, box[2] / width, box[3] / height), facecolor="none"
        )

    axes = place(166, 68)
    traffic.draw_weights(axes, release, scale)
    traffic.draw_decisions(axes, release, scale, size=8.5)
    tall = (height - 288 - 2 * 52 + 22) / 2
    rows = 0
    if any(tick.rewards for tick in release.ticks):
        figures.draw_rewards(place(288, tall), release, scale)
        rows = 1
    for row, (check, limits) in enumerate(measured(report, release)[: 2 - rows], start=rows):
        axes = place(288 + row * (tall + 52), tall)
        figures.draw_figure(axes, release, check, scale, limits)


def _when(release: Release) -> str:
    lasted = span(release.duration_seconds)
    return f"{lasted} so far" if release.ended is None else f"after {lasted}"
