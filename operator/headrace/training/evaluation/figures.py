"""The plots of an evaluation, as PNG within the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from headrace.training.evaluation.answered import Answered
from headrace.training.evaluation.importance import Importance
from headrace.training.evaluation.scores import Scorer

_INK, _QUIET, _BLUE, _RED = "#1f2933", "#9aa5b1", "#1b5e9b", "#b3261e"
_MOST_POINTS = 3000
_MOST_BARS = 20


@dataclass(frozen=True)
class Picture:
    """One plot: what it shows, and a data URI."""

    title: str
    uri: str


def pictures(
    new: Answered, champion: Answered | None, scorer: Scorer, needed: list[Importance]
) -> list[Picture]:
    """Draw what fits the task, the champion beside the new model where it gives the same."""
    drawn = []
    if new.task == "binary":
        drawn = [
            _picture("ROC curve", _roc, new, champion),
            _picture("Precision and recall", _precision_recall, new, champion),
            _picture("Calibration", _calibration, new, champion),
        ]
    if new.task != "regression":
        drawn.append(_picture("Confusion matrix", _confusion, new, scorer))
    else:
        drawn = [
            _picture("Answers and truth", _scatter, new),
            _picture("Residuals", _residuals, new),
            _picture("Distribution of residuals", _residual_histogram, new, champion),
        ]
    if needed:
        drawn.append(_picture("Importance of inputs", _importance, needed))
    return drawn


def roc_points(rows: Answered, most: int = 200) -> tuple[list[float], list[float], list[float]]:
    """Give false positive rates, true positive rates and finite thresholds of the ROC curve.

    Args:
        rows: Of a binary task.
        most: How many points at most, at even distances.
    """
    false, true, thresholds = roc_curve(rows.truth, rows.answer)
    places = np.unique(np.linspace(0, len(false) - 1, min(most, len(false))).round().astype(int))
    # The first threshold is infinite: above every probability.
    finite = np.minimum(thresholds, 1.0)
    return tuple([float(x) for x in each[places]] for each in (false, true, finite))  # type: ignore[return-value]


def _picture(title: str, draw: Any, *given: Any) -> Picture:
    # Not pyplot, which keeps every figure and asks for a display.
    figure = Figure(figsize=(4.6, 3.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    draw(axes, *given)
    axes.set_title(title, fontsize=11, color=_INK, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=_INK)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return Picture(title, "data:image/png;base64," + base64.b64encode(content.getvalue()).decode())


def _roc(axes: Axes, new: Answered, champion: Answered | None) -> None:
    axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle=":")
    for rows, name, colour in _both(new, champion):
        false, true, _ = roc_curve(rows.truth, rows.answer)
        axes.plot(false, true, color=colour, label=name)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(fontsize=8, frameon=False)


def _precision_recall(axes: Axes, new: Answered, champion: Answered | None) -> None:
    for rows, name, colour in _both(new, champion):
        precision, recall, _ = precision_recall_curve(rows.truth, rows.answer)
        axes.plot(recall, precision, color=colour, label=name)
    axes.axhline(float(new.truth.mean()), color=_QUIET, linewidth=1, linestyle=":")
    axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))
    axes.legend(fontsize=8, frameon=False)


def _calibration(axes: Axes, new: Answered, champion: Answered | None) -> None:
    axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle=":")
    for rows, name, colour in _both(new, champion):
        bins = Scorer(rows).calibration()
        axes.plot([b[1] for b in bins], [b[2] for b in bins], "o-", color=colour, label=name, ms=4)
    axes.set(xlabel="predicted", ylabel="observed")
    axes.legend(fontsize=8, frameon=False)


def _confusion(axes: Axes, new: Answered, scorer: Scorer) -> None:
    table = scorer.confusion()
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(table) <= 12:
        for (row, column), count in np.ndenumerate(table):
            colour = "white" if shares[row, column] > 0.5 else _INK
            axes.text(column, row, f"{count:g}", ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks(range(len(table)), new.labels, rotation=45, ha="right")
        axes.set_yticks(range(len(table)), new.labels)
    axes.set(xlabel="answer", ylabel="truth")


def _scatter(axes: Axes, new: Answered) -> None:
    places = _some(len(new))
    low, high = float(new.truth.min()), float(new.truth.max())
    axes.plot([low, high], [low, high], color=_QUIET, linewidth=1, linestyle=":")
    axes.plot(new.truth[places], new.answer[places], ".", color=_BLUE, alpha=0.4, ms=3)
    axes.set(xlabel="truth", ylabel="answer")


def _residuals(axes: Axes, new: Answered) -> None:
    places = _some(len(new))
    axes.axhline(0, color=_QUIET, linewidth=1, linestyle=":")
    residuals = (new.answer - new.truth)[places]
    axes.plot(new.answer[places], residuals, ".", color=_BLUE, alpha=0.4, ms=3)
    axes.set(xlabel="answer", ylabel="answer minus truth")


def _residual_histogram(axes: Axes, new: Answered, champion: Answered | None) -> None:
    for rows, name, colour in _both(new, champion):
        axes.hist(rows.answer - rows.truth, bins=40, histtype="step", color=colour, label=name)
    axes.set(xlabel="answer minus truth", ylabel="rows")
    axes.legend(fontsize=8, frameon=False)


def _importance(axes: Axes, needed: list[Importance]) -> None:
    shown = needed[:_MOST_BARS][::-1]
    names = [each.input[:24] for each in shown]
    axes.barh(
        range(len(shown)), [i.loss for i in shown], xerr=[i.deviation for i in shown],
        color=_BLUE, ecolor=_QUIET,
    )  # fmt: skip
    axes.set_yticks(range(len(shown)), names)
    axes.set(xlabel="how much worse when shuffled")


def _both(new: Answered, champion: Answered | None) -> list[tuple[Answered, str, str]]:
    drawn = [(new, "new", _BLUE)]
    return drawn if champion is None else [(champion, "champion", _RED), *drawn]


def _some(rows: int) -> Any:
    return np.unique(np.linspace(0, rows - 1, min(rows, _MOST_POINTS)).round().astype(int))
