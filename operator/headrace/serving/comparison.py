"""What an answer means beside another arm's answer, and beside the truth.

Whoever compares answers does it by these: the comparator of shadow answers, the evaluation of a
trained model, the review, the labels, and the client that sends rewards.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from headrace.serving.signature import Output

RELATIVE_TOLERANCE = 0.01
"""How far apart two numbers may be and still agree, of the larger one."""


@overload
def is_positive(probability: float, threshold: float) -> bool: ...
@overload
def is_positive(probability: NDArray[Any], threshold: float) -> NDArray[np.bool_]: ...
def is_positive(probability: float | NDArray[Any], threshold: float) -> bool | NDArray[np.bool_]:
    """Say whether a probability counts as a positive answer: above the threshold, not at it.

    At 0.5 that is what a classifier's own `predict` says, which gives a tie to the first class; so
    do the labels of an ONNX graph.

    Args:
        probability: In [0, 1], or many of them.
        threshold: In [0, 1].
    """
    return probability > threshold


def agree(mine: float | str, output: Output, theirs: float | str, other: Output) -> bool:
    """Say whether two arms' answers of the same kind mean the same.

    Labels must be equal. Probabilities must be on the same side, each of its own arm's threshold:
    two calibrations may differ and lead to the same act. Numbers may differ by the larger of the
    tolerances that the bundles name, and by `RELATIVE_TOLERANCE` where they name none: a share of
    a temperature near 0 says nothing.
    """
    if isinstance(mine, str) or isinstance(theirs, str):
        return mine == theirs
    if output.threshold is not None and other.threshold is not None:
        return is_positive(mine, output.threshold) == is_positive(theirs, other.threshold)
    named = [each.tolerance for each in (output, other) if each.tolerance is not None]
    if named:
        return abs(mine - theirs) <= max(named)
    return math.isclose(mine, theirs, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-9)


def reward_of(
    answer: object, truth: float | str, *, threshold: float, tolerance: float | None = None
) -> float | None:
    """Say how right an answer was.

    Args:
        answer: A label as text, a probability, or a number.
        truth: What turned out to be true: a label as text or number, 0 or 1, or a number.
        threshold: Of a probability; see `is_positive`.
        tolerance: Given for numbers: how far from the truth an answer is still right, >= 0.

    Returns:
        1 or 0; None where the two cannot be compared, as of a number without a tolerance, or of
        one that is NaN: what is not known is not wrong.
    """
    if isinstance(answer, str):
        return float(answer == label_text(truth))
    if not isinstance(answer, int | float) or isinstance(truth, str):
        return None
    if math.isnan(answer) or math.isnan(truth):
        return None
    if tolerance is not None:
        return float(abs(answer - truth) <= tolerance)
    if truth not in (0.0, 1.0):
        return None
    return float(is_positive(answer, threshold) == (truth == 1.0))


def label_text(value: object) -> str:
    """Write a label as texts of a schema and answers of a model do: `1`, `1.5`, `true`, `late`.

    Whole numbers lose their point, because a column with a missing value holds floats.
    """
    if isinstance(value, bool) or type(value).__name__ == "bool":  # numpy's own, too
        return "true" if value else "false"
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        number = float(value)  # also numpy's floats of other widths
        return str(int(number)) if number.is_integer() else str(number)
    return str(value)
