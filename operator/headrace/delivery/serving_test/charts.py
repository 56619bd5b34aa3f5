"""Throughput and latency over concurrency, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from headrace.delivery.serving_test.load import Level
from headrace.report import style
from headrace.report.svg import to_svg

_COLOURS = {"p50": "#6aa5d8", "p95": "#2f6ca5", "p99": "#123a5c"}


def chart(levels: Sequence[Level], knee: Level | None) -> str:
    """Draw what was measured at each level, with the knee marked.

    Args:
        levels: By rising concurrency; at least one was answered.
        knee: See `knee_of`.

    Returns:
        An SVG element that fits its container.
    """
    with style.drawing("load"):
        figure = Figure(figsize=(9.5, 3.4), layout="constrained")
        throughput, latency = figure.subplots(1, 2)
        users = [level.users for level in levels]
        throughput.plot(users, [level.throughput for level in levels], "o-", color="#2f6ca5")
        throughput.set_ylabel("answers a second")
        seen = [level for level in levels if level.p50 is not None]
        for name, colour in _COLOURS.items():
            times = [1000 * getattr(level, name) for level in seen]
            latency.plot([each.users for each in seen], times, "o-", color=colour, label=name)
        latency.set_ylabel("milliseconds")
        latency.legend(frameon=False)
        for axes in (throughput, latency):
            _finish(axes, users, knee)
        return to_svg(figure, "load", "Throughput and latency under load", _described(levels))


def _described(levels: Sequence[Level]) -> str:
    told = (f"{each.users} at a time: {each.throughput:.0f} answers a second" for each in levels)
    return "; ".join(told)


def _finish(axes: Axes, users: Sequence[int], knee: Level | None) -> None:
    axes.set_xlabel("requests at a time")
    axes.set_xscale("log", base=2)
    axes.set_xticks(users, [str(each) for each in users])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if knee is not None:
        axes.axvline(knee.users, color="#999999", linestyle=":", zorder=0)
