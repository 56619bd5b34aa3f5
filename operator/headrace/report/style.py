"""How charts look: colours, type, the axis of time. Matplotlib by its object API, no global state.

Each arm has one colour, told apart by people with any kind of colour vision (Okabe and Ito 2008,
darkened a little for text on white).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FixedFormatter, FixedLocator

STABLE = "#1f6fb2"
CANDIDATE = "#d2600a"
STABLE_LIGHT = "#d3e3f1"
CANDIDATE_LIGHT = "#f3a869"
CHALLENGERS = (
    ("#7a4aa0", "#d9c6ea"),
    ("#0f7b6c", "#b5ddd6"),
    ("#a3305d", "#efc3d3"),
    ("#6b6212", "#e2dca6"),
)
"""Line and area of the second candidate and those after it; beyond these they come again."""

INK = "#1f2933"
QUIET = "#68737d"
GRID = "#e8ebee"
BLIND = "#eceff1"
HARM = "#b3261e"
PROOF = "#1b7f5a"

PHASES = {
    "Progressing": "#c9d2d9",
    "Paused": "#f0c24b",
    "Promoting": "#6fbf9b",
    "RollingBack": "#dd8078",
}

FONT = "DejaVu Sans"

_SHORT = 16
"""Characters that there is room for beside a line."""

_SETTINGS: dict[str, Any] = {
    "font.family": [FONT],
    "font.size": 11.0,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": "#b8c1c8",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "hatch.linewidth": 1.1,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "svg.fonttype": "none",
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
}


def arm_colours(candidates: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Give the colours of lines and of areas by version, the first candidate's first."""
    first = CANDIDATE, CANDIDATE_LIGHT
    return {
        version: CHALLENGERS[(i - 1) % len(CHALLENGERS)] if i else first
        for i, version in enumerate(candidates)
    }


@contextmanager
def drawing(salt: str) -> Iterator[None]:
    """Draw in our style; the settings of the process are as before when it ends.

    Args:
        salt: Makes the ids in an SVG the same at every run, and different between charts.
    """
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": salt}):
        yield


def points(axes: Axes) -> tuple[float, float]:
    """Give the width and height of axes in points."""
    box, dpi = axes.get_window_extent(), axes.figure.dpi
    return float(box.width) / dpi * 72, float(box.height) / dpi * 72


def arm(name: str, version: str) -> str:
    """Name an arm beside its line: with its version where there is room for it."""
    whole = f"{name} {version}".strip()
    return whole if len(whole) <= _SHORT else name


def short(version: str) -> str:
    """Write a version beside its line, where there are many: its beginning tells it."""
    return version if len(version) <= _SHORT else f"{version[: _SHORT - 1]}…"


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=FONT))).get_charmap())


def drawable(text: str) -> str:
    """Replace what the font cannot draw, which would be a warning and an empty box."""
    return "".join(
        c if c == "\n" or ord(c) in _glyphs() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


@dataclass(frozen=True, slots=True)
class TimeScale:
    """The axis of time of one release.

    Attributes:
        end: Its last moment, seconds since the release began, > 0.
        step: Seconds between two ticks.
        unit: `s`, `min`, `h` or `d`, in which ticks are written.
    """

    end: float
    step: float
    unit: str

    @classmethod
    def of(cls, end: float, ticks: int = 7) -> TimeScale:
        """Choose round steps so that there are about as many ticks."""
        end = max(end, 1.0)
        for step in _STEPS:
            if end / step <= ticks:
                return cls(end, step, _unit(end))
        return cls(end, 86_400.0 * math.ceil(end / 86_400 / ticks), "d")

    def apply(self, axes: Axes) -> None:
        """Set limits, ticks and their words."""
        at = [i * self.step for i in range(int(self.end / self.step + 1e-9) + 1)]
        words = [self._word(moment) for moment in at]
        words[-1] += f" {self.unit}"
        axes.set_xlim(0.0, self.end)
        axes.xaxis.set_major_locator(FixedLocator(at))
        axes.xaxis.set_major_formatter(FixedFormatter(words))

    def _word(self, moment: float) -> str:
        if self.unit == "min" and self.step < 60:
            return f"{moment // 60:.0f}:{moment % 60:02.0f}"
        size = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}[self.unit]
        return f"{moment / size:g}"


_STEPS: Sequence[float] = (
    *(0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600.0 * hours for hours in (1, 2, 3, 6, 12)),
    *(86_400.0 * days for days in (1, 2, 5, 10, 20)),
)


def _unit(end: float) -> str:
    if end < 100:
        return "s"
    if end < 6000:
        return "min"
    return "h" if end < 2 * 86_400 else "d"


def dress(axes: Axes, title: str) -> None:
    """Give the axes a title at the left (or none), light lines at the values, and no box."""
    if title:
        axes.set_title(title, loc="left", fontsize=11.5, fontweight="bold", color=INK, pad=9)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=10)
    axes.tick_params(axis="x", length=3, width=0.8, labelsize=10, color="#b8c1c8")


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write labels right of the axes at the lines' last values, moved apart where they collide.

    Args:
        axes: With its limits final.
        ends: Per line its value, text and colour; at most a few.
    """
    if not ends:
        return
    transform = axes.transData + axes.transAxes.inverted()
    left = axes.get_xlim()[0]
    gap = 13.0 * (1 + max(text.count("\n") for _, text, _ in ends)) / points(axes)[1]
    order = sorted(ends, key=lambda end: end[0])
    heights = [_clamp(float(transform.transform((left, value))[1])) for value, _, _ in order]
    heights[0] = max(heights[0], 0.4 * gap)
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + gap)
    heights[-1] = min(heights[-1], 1.0 - gap / 3)
    for i in reversed(range(len(heights) - 1)):
        heights[i] = min(heights[i], heights[i + 1] - gap)
    for y, (_, text, colour) in zip(heights, order, strict=True):
        axes.text(
            1.0 + 7.0 / points(axes)[0],
            y,
            text,
            color=colour,
            fontsize=10.5,
            va="center",
            ha="left",
            transform=axes.transAxes,
            linespacing=1.25,
        )


def _clamp(y: float) -> float:
    return min(max(y, 0.02), 1.0) if math.isfinite(y) else 0.5
