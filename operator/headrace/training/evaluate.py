"""Decide whether a model is good enough to be offered to users.

This is the offline judgement, on flights that the model did not see. Whether it serves live
requests well is for the rollout to find out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd
from sklearn.pipeline import Pipeline

from headrace.errors import InvalidInput
from headrace.serving.bundle import Bundle
from headrace.training.flights import TARGET, FeatureSet
from headrace.training.inputs import model_inputs
from headrace.training.onnx_model import bundle_probabilities
from headrace.training.scores import Scores, score

TOLERANCE = 0.002
"""How much worse than the champion's the Brier score may be: noise on some ten thousand rows."""


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on the holdout, and the judgement.

    Attributes:
        scores: Of the new model.
        champion: Of the model that users have now, on the same rows; None if there is none.
        passed: Whether the new model may be rolled out.
        message: Why, in one sentence with the numbers.
    """

    scores: Scores
    champion: Scores | None
    passed: bool
    message: str

    def to_document(self) -> dict[str, object]:
        """Give it as JSON holds it."""
        return asdict(self)


def evaluate(
    pipeline: Pipeline,
    features: FeatureSet,
    holdout: pd.DataFrame,
    minimum_auc: float,
    champion: Bundle | None = None,
) -> Evaluation:
    """Score a model on the holdout, beside the champion if there is one.

    Args:
        pipeline: The fitted model.
        features: Its inputs.
        holdout: Rows after those it was trained on.
        minimum_auc: The smallest AUC that passes, in [0, 1].
        champion: The bundle that users have now.

    Raises:
        InvalidInput: `minimum_auc` is not in [0, 1].
        InvalidData: The holdout cannot be scored.
        InvalidBundle: The champion does not run.
    """
    if not 0 <= minimum_auc <= 1:
        raise InvalidInput(f"minimum_auc is {minimum_auc}; expected a number in [0, 1].")
    labels = holdout[TARGET].to_numpy()
    new = score(labels, pipeline.predict_proba(model_inputs(holdout, features))[:, 1])
    old = score(labels, bundle_probabilities(champion, holdout)) if champion else None
    passed, message = judge(new, old, minimum_auc)
    return Evaluation(new, old, passed, message)


def judge(new: Scores, champion: Scores | None, minimum_auc: float) -> tuple[bool, str]:
    """Say whether a model passes, and why."""
    if new.auc < minimum_auc:
        return False, (
            f"The AUC of {new.auc:.3f} on {new.rows} flights is below the floor of {minimum_auc:g}."
        )
    if champion is None:
        return True, (
            f"The AUC of {new.auc:.3f} on {new.rows} flights reaches the floor of {minimum_auc:g}; "
            "there is no champion to compare with."
        )
    numbers = f"{new.brier:.4f} against {champion.brier:.4f} on the same {new.rows} flights"
    if new.brier > champion.brier + TOLERANCE:
        return False, f"The Brier score is worse than the champion's: {numbers}."
    return True, f"The Brier score is no worse than the champion's: {numbers}."
