"""The panel of a check's figure: both arms over time with their confidence sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from headrace.api import Check, LatencyLimit, TickRecord
from headrace.report import style
from headrace.report.arms import candidates_in, views_of
from headrace.report.report import Release
from headrace.report.series import (
    Band,
    Floats,
    Span,
    check_series,
    find,
    is_blind,
    reward_series,
    spans,
)
from headrace.report.style import TimeScale, drawable
from headrace.report.wording import figure

_LOG_SCALE_FROM = 25.0
"""A range of latencies this wide is drawn on a logarithmic scale."""


def shade(axes: Axes, release: Release, name: str) -> None:
    """Tell apart, in the background, when answers reached nobody and when there was no data."""

    def what(tick: TickRecord) -> str:
        if is_blind(find(tick, name)):
            return "no data"
        seen = tick.seen
        return "mirror" if seen is not None and seen.mirror and tick.checks else ""

    found = spans(release.ticks, release.started, what)
    for span in found:
        if span.what == "mirror":
            axes.axvspan(
                span.start,
                span.end,
                facecolor="none",
                edgecolor="#ead9cb",
                hatch="//",
                lw=0,
                zorder=0.4,
            )
        else:
            axes.axvspan(span.start, span.end, color=style.BLIND, lw=0, zorder=0.5)
    for kind, text in (("mirror", "mirrored"), ("no data", "no data")):
        _name_span(axes, [span for span in found if span.what == kind], text)


def _name_span(axes: Axes, found: Sequence[Span], text: str) -> None:
    if not found:
        return
    longest = max(found, key=lambda span: span.end - span.start)
    left, right = axes.get_xlim()
    room = (longest.end - longest.start) / (right - left) * style.points(axes)[0]
    if room < 12:
        return
    axes.text(
        (longest.start + longest.end) / 2,
        0.965,
        text,
        color=style.QUIET,
        fontsize=9.5,
        ha="center",
        va="top",
        transform=axes.get_xaxis_transform(),
        rotation=0 if room > 6.0 * len(text) else 90,
        bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.7},
    )


def figure_title(check: Check) -> str:
    """Name what a check measures."""
    if check.subject == "error-rate":
        return "Share of requests that fail"
    if check.subject == "latency":
        return f"Time to answer, {100 * quantile(check):g}th percentile"
    return "Share of copied requests answered differently"


def quantile(check: Check) -> float:
    """Give the latency quantile that a check is about."""
    if isinstance(check.above, LatencyLimit):
        return check.above.quantile
    given = check.worse_than_stable.quantile if check.worse_than_stable else None
    return given if given is not None else 0.95


def limit(check: Check) -> float | None:
    """Give a check's absolute limit in the unit of its figure; None when it compares."""
    if isinstance(check.above, LatencyLimit):
        return check.above.limit
    if not isinstance(check.above, float | None):
        return None
    # An agreement's figure is the share that differs, so its limit is what is left of `below`.
    return check.above if check.below is None else 1 - check.below


def draw_figure(
    axes: Axes, release: Release, check: Check, scale: TimeScale, limits: Sequence[float]
) -> None:
    """Draw both arms' figure of a check with its confidence sequences.

    Args:
        axes: Empty ones.
        release: With ticks that have the check.
        check: Which.
        scale: Of time.
        limits: Absolute limits to draw as lines.
    """
    style.dress(axes, figure_title(check))
    scale.apply(axes)
    drawn = [line for line in _lines(release, check) if not line.band.is_empty]
    _set_range(axes, [line.band for line in drawn], limits, check.subject)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(check.subject, value)))
    shade(axes, release, check.name)
    ends = _draw_lines(axes, drawn, check.subject)
    _draw_limits(axes, limits, check.subject)
    style.label_ends(axes, ends)


def draw_rewards(axes: Axes, release: Release, scale: TimeScale) -> None:
    """Draw what each arm earned on average, with its confidence sequence."""
    style.dress(axes, REWARDS)
    scale.apply(axes)
    colours = style.arm_colours(candidates_in(release.ticks) or (release.version,))
    named = [(release.previous, style.STABLE, style.arm("stable", release.previous))]
    named += [(version, colour, style.short(version)) for version, (colour, _) in colours.items()]
    lines = [
        _Line(*reward_series(release.ticks, release.started, version), colour, name)
        for version, colour, name in named
    ]
    drawn = [line for line in lines if not line.band.is_empty]
    low = min((float(line.band.low[-1]) for line in drawn), default=0.0)
    high = max((float(line.band.high[-1]) for line in drawn), default=1.0)
    room = 0.35 * (high - low) or 0.1
    axes.set_ylim(max(low - room, 0.0), min(high + room, 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    style.label_ends(axes, _draw_lines(axes, drawn, "reward"))


REWARDS = "Mean reward"


@dataclass(frozen=True, slots=True)
class _Line:
    """One arm's figure over time, and how it is drawn."""

    seconds: Floats
    band: Band
    colour: str
    name: str


def _lines(release: Release, check: Check) -> list[_Line]:
    """Give stable's figure and that of every candidate."""
    several = candidates_in(release.ticks)
    if not several:
        series = check_series(release.ticks, release.started, check.name)
        stable, candidate = (
            style.arm("stable", release.previous),
            style.arm("candidate", release.version),
        )
        return [
            _Line(series.seconds, series.stable, style.STABLE, stable),
            _Line(series.seconds, series.candidate, style.CANDIDATE, candidate),
        ]
    lines: list[_Line] = []
    for version, (colour, _) in style.arm_colours(several).items():
        series = check_series(views_of(release.ticks, version), release.started, check.name)
        if not lines:
            name = style.arm("stable", release.previous)
            lines.append(_Line(series.seconds, series.stable, style.STABLE, name))
        lines.append(_Line(series.seconds, series.candidate, colour, style.short(version)))
    return lines


def _draw_lines(axes: Axes, lines: Sequence[_Line], metric: str) -> list[tuple[float, str, str]]:
    """Draw the lines, and give what is written at their ends."""
    ends = []
    # With many arms the bands would hide each other.
    alpha = 0.16 if len(lines) <= 2 else 0.09
    for line in lines:
        band, colour = line.band, line.colour
        axes.fill_between(line.seconds, band.low, band.high, color=colour, alpha=alpha, lw=0)
        axes.plot(line.seconds, band.value, color=colour, lw=1.9)
        last = float(band.value[np.isfinite(band.value)][-1])
        several = len(lines) > 2
        text = f"{last:.3g}" if several and metric == "reward" else figure(metric, last)
        between = ": " if several else "\n"
        ends.append((last, drawable(f"{line.name}{between}{text}"), colour))
    return ends


def _draw_limits(axes: Axes, limits: Sequence[float], metric: str) -> None:
    for value in limits:
        text, top = f"limit {figure(metric, value)}", axes.get_ylim()[1]
        shown = value <= top
        if shown:
            axes.axhline(value, color=style.QUIET, lw=1.1, ls=(0, (5, 3)))
        axes.text(
            0.995,
            min(value, top),
            text if shown else f"↑ {text}",
            va="bottom" if shown else "top",
            ha="right",
            fontsize=9.5,
            color=style.QUIET,
            transform=axes.get_yaxis_transform(),
        )


def _set_range(axes: Axes, bands: Sequence[Band], limits: Sequence[float], metric: str) -> None:
    """Show every value and the bands as they ended, not how wide they were in the beginning."""
    if not bands:
        return
    values = np.concatenate([band.value[np.isfinite(band.value)] for band in bands])
    largest, smallest = float(values.max()), float(values.min())
    closing = max(float(band.high[np.isfinite(band.high)][-1]) for band in bands)
    top = max(1.25 * largest, (1.3 if largest else 2.5) * closing)
    top = max([top, *(1.15 * value for value in limits if value < 1.25 * top)])
    if metric == "latency" and largest > _LOG_SCALE_FROM * max(smallest, 1e-6):
        axes.set_yscale("log")
        axes.set_ylim(max(smallest, 1e-6) / 2, 1.5 * top)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
        return
    if metric != "latency":
        top = min(top, 1.02)
    axes.set_ylim(0.0, top if top > 0 else 0.01)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))


def _tick(metric: str, value: float) -> str:
    """Write a value of the axis, exactly: ticks are round, figures are rounded."""
    if metric != "latency":
        return f"{100 * value:.4g} %"
    return f"{value:.4g} s" if value >= 1 else f"{1000 * value:.4g} ms"
