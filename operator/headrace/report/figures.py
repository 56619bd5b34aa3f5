"""The panel of a check's figure: both arms over time with their confidence sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from headrace.api import Check, LatencyLimit, TickRecord
from headrace.report import style
from headrace.report.report import Release
from headrace.report.series import Band, Span, check_series, find, is_blind, spans
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
    series = check_series(release.ticks, release.started, check.name)
    style.dress(axes, figure_title(check))
    scale.apply(axes)
    bands = [
        (series.stable, style.STABLE, f"stable {release.previous}".strip()),
        (series.candidate, style.CANDIDATE, f"candidate {release.version}"),
    ]
    drawn = [band for band in bands if not band[0].is_empty]
    _set_range(axes, [band for band, _, _ in drawn], limits, check.subject)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(check.subject, value)))
    shade(axes, release, check.name)
    ends = []
    for band, colour, name in drawn:
        axes.fill_between(series.seconds, band.low, band.high, color=colour, alpha=0.16, lw=0)
        axes.plot(series.seconds, band.value, color=colour, lw=1.9)
        last = float(band.value[np.isfinite(band.value)][-1])
        ends.append((last, drawable(f"{name}\n{figure(check.subject, last)}"), colour))
    _draw_limits(axes, limits, check.subject)
    style.label_ends(axes, ends)


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
