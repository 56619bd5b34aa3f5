"""The texts of a pipeline's parameters, read as what they mean."""

from __future__ import annotations

import math

from headrace.delivery.retrain.decision import Wanted
from headrace.delivery.retrain.due import Quality
from headrace.errors import InvalidInput
from headrace.labels.trigger import read_conditions
from headrace.training.durations import seconds_of


def wanted_of(asked: str, drift_limit: float, cool_down: str, *, on_quality: bool) -> Wanted:
    """Read what is a reason to train again.

    Raises:
        InvalidInput: The limit is negative or not finite, or the cool-down no duration.
    """
    if not (math.isfinite(drift_limit) and drift_limit >= 0):
        raise InvalidInput(f"drift_limit is {drift_limit}; expected 0, or a number such as 0.25.")
    return Wanted(asked.strip(), drift_limit, on_quality, seconds_of("cool_down", cool_down))


def quality_of(condition: str, labels: str, least: int, since: str) -> Quality | None:
    """Read when the labels say that the champion has become worse; None where nobody asks.

    Raises:
        InvalidInput: The condition is none, or there are no labels to ask.
    """
    if not condition.strip():
        return None
    read_conditions(condition)
    if not labels:
        raise InvalidInput(
            f"The quality {condition!r} is asked for without labels; expected their database, "
            "such as postgresql://... or sqlite:///.headrace/labels.db."
        )
    if least < 1:
        raise InvalidInput(f"least_labels is {least}; expected at least 1.")
    return Quality(condition, labels, least, seconds_of("labels_since", since))
