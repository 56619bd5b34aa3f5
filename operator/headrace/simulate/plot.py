"""The simulation's picture: how many rollouts were rolled back, and promoted, by when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from headrace.engine.decision import Action
from headrace.report import style
from headrace.simulate.rollout import Ending
from headrace.simulate.runs import Endings
from headrace.simulate.scenario import Scenario

_COLOURS = (style.CANDIDATE, style.STABLE, style.QUIET)
_ROW_INCHES = 2.2


def plot(scenarios: Sequence[Scenario], found: Sequence[Endings], file: Path) -> None:
    """Draw one row per scenario; PNG or SVG, by the file's name.

    Args:
        scenarios: In the order of the rows.
        found: Theirs.
        file: Where to write.
    """
    with style.drawing("simulation"):
        figure = Figure(figsize=(10, _ROW_INCHES * len(scenarios) + 0.8), layout="constrained")
        rows = figure.subplots(len(scenarios), 2, squeeze=False, sharey=True)
        for axes, scenario, endings in zip(rows, scenarios, found, strict=True):
            kind = "falsely" if scenario.healthy else "rightly"
            _draw(axes[0], endings, Action.ROLL_BACK)
            _draw(axes[1], endings, Action.PROMOTE)
            axes[0].set_title(f"{scenario.name}: rolled back ({kind})", loc="left", fontsize=10)
            axes[1].set_title("promoted", loc="left", fontsize=10)
            axes[0].set_ylabel("% of rollouts")
        for axes in rows[-1]:
            axes.set_xlabel("minutes since the candidate's first requests")
        rows[0][0].legend(fontsize=8, frameon=False)
        figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix == ".svg" else None)


def _draw(axes: Axes, endings: Endings, action: Action) -> None:
    last = max(ending.seconds for some in endings.values() for ending in some) / 60
    for colour, (policy, some) in zip(_COLOURS, endings.items(), strict=True):
        minutes, shares = _reached(some, action, last)
        axes.step(minutes, shares, where="post", label=policy, color=colour)
    axes.set_ylim(-3, 103)
    axes.set_xlim(0, 1.04 * last)
    axes.grid(color=style.GRID)


def _reached(
    endings: Sequence[Ending], action: Action, last: float
) -> tuple[list[float], list[float]]:
    """Give the minutes of the endings of a kind, and the share reached at each."""
    ends = sorted(ending.seconds / 60 for ending in endings if ending.action is action)
    reached = [100 * (index + 1) / len(endings) for index in range(len(ends))]
    return [0.0, *ends, 1.04 * last], [0.0, *reached, reached[-1] if reached else 0.0]
