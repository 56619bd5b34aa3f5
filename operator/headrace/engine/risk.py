"""How a rollout's risk is shared out over its comparisons, so that their sum is what was stated."""

from __future__ import annotations

from headrace.api import Analysis

WATCH = 0.25
"""The part of the risk of a false rollback that the time after the switch has, where it is
watched. Most regressions show before."""


def for_comparisons(analysis: Analysis, candidates: int, *, watched: bool) -> Analysis:
    """Give the analysis at the risk of one comparison before the switch.

    Args:
        analysis: At the risk of the whole rollout.
        candidates: How many are compared with stable (Bonferroni).
        watched: Whether a watch follows, which needs a part of it.
    """
    before = 1 - WATCH if watched else 1.0
    return _at(analysis, before / candidates, 1 / candidates)


def for_watch(analysis: Analysis) -> Analysis:
    """Give the analysis at the risk of the watch after the switch."""
    return _at(analysis, WATCH, 1.0)


def _at(analysis: Analysis, false_rollback: float, missed_regression: float) -> Analysis:
    if false_rollback == missed_regression == 1:
        return analysis
    risk = analysis.risk.model_copy(
        update={
            "false_rollback": analysis.risk.false_rollback * false_rollback,
            "missed_regression": analysis.risk.missed_regression * missed_regression,
        }
    )
    return analysis.model_copy(update={"risk": risk})
