"""An evaluation for people: one HTML page with its plots."""

from __future__ import annotations

from headrace.training.evaluation.evaluate import Evaluation
from headrace.training.evaluation.figures import pictures
from headrace.training.evaluation.scores import HEADLINE, MEANINGS, Scorer
from headrace.training.page import render_page


def evaluation_page(evaluation: Evaluation, title: str, threshold: float = 0.5) -> str:
    """Show scores, the judgement, the champion, segments, importance and plots.

    Args:
        evaluation: What to show.
        title: Of the page.
        threshold: See `Scorer`.
    """
    scorer = Scorer(evaluation.new, threshold)
    return render_page(
        "evaluation.html",
        title=title,
        evaluation=evaluation,
        headline=HEADLINE[evaluation.task],
        meanings=MEANINGS,
        pictures=pictures(evaluation.new, evaluation.champion, scorer, evaluation.importance),
    )
