"""The panels of evidence: of harm, which rolls back, and of safety, which lets promote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from headrace.report import style
from headrace.report.arms import candidates_in, views_of
from headrace.report.report import Release
from headrace.report.series import Floats, check_series, combined_harm
from headrace.report.style import TimeScale, drawable


def draw_harm(
    axes: Axes,
    release: Release,
    shares: Mapping[str, float],
    scale: TimeScale,
    threshold: float,
) -> None:
    """Draw the evidence of harm, all checks together, against what rolls back.

    Args:
        axes: Empty ones.
        release: With ticks.
        shares: Each check's prior share of the risk, by name.
        scale: Of time.
        threshold: Natural logarithm of the evidence that rolls back.
    """
    style.dress(axes, "Evidence of harm, all checks together")
    scale.apply(axes)
    several = candidates_in(release.ticks)
    if several:
        _draw_harm_of_each(axes, release, several, shares, threshold)
        return
    seconds, harm = combined_harm(release.ticks, release.started, shares)
    _odds_axis(axes, threshold, [harm])
    _threshold(axes, threshold, "rolls back", style.HARM)
    axes.plot(seconds, harm, color=style.HARM, lw=1.9)
    _mark_crossing(axes, seconds, harm, threshold)


def _draw_harm_of_each(
    axes: Axes,
    release: Release,
    several: Sequence[str],
    shares: Mapping[str, float],
    threshold: float,
) -> None:
    lines = {
        version: combined_harm(views_of(release.ticks, version), release.started, shares)
        for version in several
    }
    _odds_axis(axes, threshold, [harm for _, harm in lines.values()])
    _threshold(axes, threshold, "drops a candidate", style.HARM)
    ends = []
    for version, (colour, _) in style.arm_colours(several).items():
        seconds, harm = lines[version]
        axes.plot(seconds, harm, color=colour, lw=1.9)
        _mark_crossing(axes, seconds, harm, threshold)
        if len(harm):
            top = axes.get_ylim()[1]
            ends.append((min(float(harm[-1]), top), drawable(version), colour))
    style.label_ends(axes, ends)


def _draw_proof_of_each(
    axes: Axes,
    release: Release,
    several: Sequence[str],
    names: Sequence[str],
    threshold: float,
) -> None:
    """Draw for each candidate the weakest of the proofs that its promotion waits for."""
    lines = {}
    for version in several:
        ticks = views_of(release.ticks, version)
        series = [check_series(ticks, release.started, name) for name in names]
        series = [one for one in series if len(one.seconds)]
        if series:
            lines[version] = (series[0].seconds, np.min([one.proof for one in series], axis=0))
    _odds_axis(axes, threshold, [proof for _, proof in lines.values()])
    _threshold(axes, threshold, "lets promote", style.PROOF)
    ends = []
    for version, (colour, _) in style.arm_colours(several).items():
        if version in lines:
            seconds, proof = lines[version]
            axes.plot(seconds, proof, color=colour, lw=1.7)
            finite = proof[np.isfinite(proof)]
            if len(finite):
                ends.append((float(finite[-1]), drawable(version), colour))
    style.label_ends(axes, ends)


def draw_proof(
    axes: Axes, release: Release, names: Sequence[str], scale: TimeScale, threshold: float
) -> None:
    """Draw the proof of safety of each check that promotion waits for.

    Args:
        axes: Empty ones.
        release: With ticks.
        names: The checks.
        scale: Of time.
        threshold: Natural logarithm of the evidence that each needs.
    """
    several = candidates_in(release.ticks)
    weakest = "Proof of safety, each version's weakest check"
    style.dress(axes, weakest if several else "Proof of safety, each check by itself")
    scale.apply(axes)
    if several:
        _draw_proof_of_each(axes, release, several, names, threshold)
        return
    found = [(name, check_series(release.ticks, release.started, name)) for name in names]
    found = [(name, series) for name, series in found if len(series.seconds)]
    _odds_axis(axes, threshold, [series.proof for _, series in found])
    _threshold(axes, threshold, "lets promote", style.PROOF)
    ends: list[tuple[float, str, str]] = []
    dashes = [(0, ()), (0, (6, 2)), (0, (2, 2)), (0, (6, 2, 1, 2))]
    for index, (name, series) in enumerate(found):
        axes.plot(series.seconds, series.proof, color=style.PROOF, lw=1.7, ls=dashes[index % 4])
        finite = series.proof[np.isfinite(series.proof)]
        if len(finite) and len(ends) < 6:
            ends.append((float(finite[-1]), drawable(name), style.PROOF))
    style.label_ends(axes, ends)


def _odds_axis(axes: Axes, threshold: float, lines: Sequence[Floats]) -> None:
    """Show log-evidence as odds: from a little below even to a little above the threshold."""
    highest = max([float(np.nanmax(line)) for line in lines if len(line)], default=0.0)
    lowest = min([float(np.nanmin(line)) for line in lines if len(line)], default=0.0)
    top = min(max(1.3 * threshold, 1.06 * highest), 3.0 * threshold)
    bottom = max(min(-0.15 * threshold, 1.06 * lowest), -1.2 * threshold)
    axes.set_ylim(bottom, top)
    decade = math.log(10)
    step = max(1, math.ceil((top - bottom) / decade / 6))
    powers = range(math.ceil(bottom / decade / step) * step, int(top / decade) + 1, step)
    axes.set_yticks([power * decade for power in powers], [_odds(power) for power in powers])


def _odds(power: int) -> str:
    if power == 0:
        return "even"
    side = f"{10 ** abs(power):,}" if abs(power) <= 6 else f"1e{abs(power)}"
    return f"{side} : 1" if power > 0 else f"1 : {side}"


def _threshold(axes: Axes, value: float, text: str, colour: str) -> None:
    axes.axhline(value, color=colour, lw=1.1, ls=(0, (5, 3)), alpha=0.8)
    axes.text(
        0.008,
        value,
        f"{text} at {math.exp(value):,.0f} : 1",
        va="bottom",
        ha="left",
        fontsize=9.5,
        color=colour,
        transform=axes.get_yaxis_transform(),
        zorder=4,
        bbox={"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.85},
    )


def _mark_crossing(axes: Axes, seconds: Floats, harm: Floats, threshold: float) -> None:
    above = np.flatnonzero(harm >= threshold)
    if len(above):
        first = int(above[0])
        height = min(float(harm[first]), axes.get_ylim()[1])
        axes.plot([seconds[first]], [height], marker="o", ms=7, color=style.HARM, clip_on=False)
