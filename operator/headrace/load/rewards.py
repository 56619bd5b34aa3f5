"""How right an answer was: the reward that a label is turned into."""

from __future__ import annotations


def reward_of(
    answer: object, label: float | str, tolerance: float | None, threshold: float
) -> float | None:
    """Compare an answer with the truth.

    Args:
        answer: A label as text, a probability, or a number.
        label: What was true.
        tolerance: Given for numbers: how far from the truth an answer is still right.
        threshold: A probability from here on counts as a positive answer.

    Returns:
        1 or 0; None where the two cannot be compared, as of a number without a tolerance.
    """
    if isinstance(answer, str):
        return float(answer == _text(label))
    if not isinstance(answer, int | float) or isinstance(label, str):
        return None
    if tolerance is not None:
        return float(abs(answer - label) <= tolerance)
    if label not in (0.0, 1.0):
        return None
    return float((answer >= threshold) == (label == 1.0))


def _text(label: float | str) -> str:
    """Write a label as a model of labels would: whole numbers without a point."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
