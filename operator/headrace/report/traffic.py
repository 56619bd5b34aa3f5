"""The panel of the traffic: who answered which share, and the decisions that changed it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from headrace.api import Traffic
from headrace.report import style
from headrace.report.arms import candidates_in
from headrace.report.report import DecisionEntry, Release
from headrace.report.series import Floats, spans, traffic_steps
from headrace.report.style import TimeScale, drawable

_MARKED = 60
"""More decisions than these cannot be told apart in a chart."""


def end_of(release: Release) -> float:
    """Give the last moment that charts of a release show, seconds since it began."""
    last = release.ticks[-1].time if release.ticks else release.started
    return max(last - release.started, 1.0)


def draw_weights(axes: Axes, release: Release, scale: TimeScale) -> None:
    """Draw who answered which share of the live requests, and what was only copied."""
    style.dress(axes, "")
    scale.apply(axes)
    axes.set_ylim(-9, 100)
    axes.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])
    seconds, traffic = traffic_steps(release.ticks, release.started)
    if len(seconds):
        _draw_areas(axes, release, seconds, traffic, scale)
    for phase in spans(release.ticks, release.started, lambda tick: tick.phase.value):
        colour = style.PHASES.get(phase.what)
        if colour:
            width = max(phase.end - phase.start, scale.end / 400)
            axes.add_patch(Rectangle((phase.start, -9), width, 5, color=colour, lw=0))


def _draw_areas(
    axes: Axes,
    release: Release,
    seconds: Floats,
    traffic: Sequence[Traffic],
    scale: TimeScale,
) -> None:
    stable = np.array([float(t.stable) for t in traffic])
    candidate = np.array([float(t.candidate) for t in traffic])
    mirror = np.array([float(t.mirror) for t in traffic])
    both = stable + candidate
    axes.fill_between(seconds, 0, stable, step="post", color=style.STABLE_LIGHT, lw=0)
    axes.fill_between(seconds, stable, both, step="post", color=style.CANDIDATE_LIGHT, lw=0)
    further = {}
    for version, (_, light) in list(style.arm_colours(candidates_in(release.ticks)).items())[1:]:
        share = np.array([float(t.challengers.get(version, 0)) for t in traffic])
        axes.fill_between(seconds, both, both + share, step="post", color=light, lw=0)
        further[version] = (share, both + share / 2)
        both = both + share
    axes.step(seconds, stable, where="post", color=style.STABLE, lw=1.6)
    for start, end, height in zip(seconds, seconds[1:], mirror, strict=False):
        if height:
            area = Rectangle((start, 0), end - start, height, lw=0, hatch="//")
            area.set(facecolor="none", edgecolor=style.CANDIDATE_LIGHT)
            axes.add_patch(area)
    _name_areas(axes, release, seconds, np.stack([stable, candidate, mirror]), scale, further)


def _name_areas(
    axes: Axes,
    release: Release,
    seconds: Floats,
    percent: Floats,
    scale: TimeScale,
    further: Mapping[str, tuple[Floats, Floats]],
) -> None:
    """Write the versions into the largest parts of their areas, where they fit."""
    widths = np.diff(seconds)
    if not len(widths) or not widths.max() > 0:
        return
    first = release.previous or release.version
    stable, candidate, mirror = percent[:, :-1]
    copied = [f"stable {first}, copied to {release.version}", f"copied to {release.version}"]
    alone = np.where(mirror > 0, 0.0, stable)
    candidates = candidates_in(release.ticks) or (release.version,)
    colours = style.arm_colours(candidates)
    areas = [
        (mirror, mirror / 2, copied, style.STABLE),
        (alone, alone / 2, [f"stable {first}"], style.STABLE),
        (candidate, stable + candidate / 2, [f"candidate {candidates[0]}"], "#7a3500"),
        *(
            (heights[:-1], middles[:-1], [f"candidate {version}", version], colours[version][0])
            for version, (heights, middles) in further.items()
        ),
    ]
    for heights, middles, texts, colour in areas:
        best = int(np.argmax(widths * heights))
        room = widths[best] / scale.end * style.points(axes)[0]
        text = next((text for text in texts if room > 6.3 * len(text) + 6), "")
        if not text or heights[best] < 18:
            continue
        axes.text(
            seconds[best] + widths[best] / 2,
            middles[best],
            drawable(text),
            color=colour,
            ha="center",
            va="center",
            fontsize=10.5,
            bbox={"boxstyle": "round,pad=0.25", "fc": "white", "ec": "none", "alpha": 0.82},
        )


def decision_label(decision: DecisionEntry) -> str:
    """Give the few characters that mark a decision in a chart; empty for one that only waits."""
    weights = decision.weights
    if decision.action == "Advance":
        if weights.mirror:
            return f"mirror {weights.mirror} %"
        return f"{weights.candidate} %" if weights.candidate else "start"
    if decision.action == "Drop":
        return "dropped"
    if decision.action == "Promote":
        return "live" if decision.reason == "FirstVersionLive" else "promoted"
    if decision.action == "RollBack":
        return "rolled back"
    return "paused" if decision.action == "Pause" else ""


def draw_decisions(axes: Axes, release: Release, scale: TimeScale, *, size: float = 10) -> None:
    """Mark the decisions above the axes, in as few rows as their labels need."""
    marked = [(d, label) for d in release.decisions if (label := decision_label(d))]
    width, height = style.points(axes)
    row_ends = [-math.inf, -math.inf]
    for decision, label in marked[:_MARKED]:
        at = min(max((decision.time - release.started) / scale.end, 0.0), 1.0)
        colour = {"RollBack": style.HARM, "Promote": style.PROOF}.get(decision.action, style.QUIET)
        axes.plot(
            [at],
            [1.0 + 4.5 / height],
            marker="v",
            ms=5,
            color=colour,
            transform=axes.transAxes,
            clip_on=False,
            ls="none",
            mew=0,
        )
        axes.axvline(at * scale.end, color=colour, lw=0.8, alpha=0.55, zorder=1.5)
        half = 0.33 * size * len(label) / width
        middle = min(max(at, half - 0.02), 1.02 - half)
        row = next((i for i, end in enumerate(row_ends) if middle - half > end), None)
        if row is None:
            continue
        row_ends[row] = middle + half + 0.006
        weight = "bold" if decision.action in ("RollBack", "Promote") else "normal"
        axes.text(
            middle,
            1.0 + 9.0 / height + row * 1.35 * size / height,
            label,
            transform=axes.transAxes,
            ha="center",
            va="bottom",
            fontsize=size,
            color=colour,
            fontweight=weight,
        )
