"""What was predicted and what was true, as lines of JSON tell it, and how well the two agree.

::

    {"request_id": "7f3a", "version": "7", "prediction": 0.81, "time": 1795300000}
    {"request_id": "7f3a", "label": 1}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from headrace.errors import InvalidInput
from headrace.serving.comparison import reward_of
from headrace.serving.ring import LONGEST_ID, LONGEST_LABEL
from headrace.serving.signature import shown

Kind: TypeAlias = Literal["probability", "number", "label"]
Value: TypeAlias = float | str

LARGEST = 1e100
"""Of a number: squares of what is larger end in infinity."""

_DAY = 86_400.0
"""How far a clock may be ahead of ours."""


@dataclass(frozen=True)
class Prediction:
    """What one version answered.

    Attributes:
        request_id: Of the request, at most `LONGEST_ID` characters; a request of several rows has
            an id for each.
        version: Who answered.
        answer: A text for the kind `label`, else a number; a probability is in [0, 1].
        time: When, Unix seconds.
        kind: What the answer is.
        threshold: A probability above it is a yes.
        copied: Whether nobody saw the answer, because the request was a copy.
    """

    request_id: str
    version: str
    answer: Value
    time: float
    kind: Kind = "probability"
    threshold: float = 0.5
    copied: bool = False


@dataclass(frozen=True)
class Label:
    """What turned out to be true.

    Attributes:
        request_id: Of the request.
        truth: A text or a number; 0 or 1 where a probability was predicted.
        time: When it was known, Unix seconds.
    """

    request_id: str
    truth: Value
    time: float


@dataclass(frozen=True)
class Outcome:
    """How good one answer was.

    Attributes:
        right: 1 or 0; of a number always 0.
        squared: The squared error; of a label 0.
        absolute: The absolute error; of a label 0.
        reward: For the arm that answered, in [0, 1]; None for a number, which has none.
    """

    right: float
    squared: float
    absolute: float
    reward: float | None


def judge(answer: Value, kind: Kind, threshold: float, truth: Value) -> Outcome | None:
    """Compare an answer with the truth; None where they cannot be compared."""
    if kind == "number":
        if isinstance(answer, str) or isinstance(truth, str):
            return None
        return Outcome(0.0, *_errors(answer, truth), None)
    right = reward_of(answer, truth, threshold=threshold)
    if right is None:
        return None
    if isinstance(answer, str) or isinstance(truth, str):
        return Outcome(right, 0.0, 0.0, right)
    return Outcome(right, *_errors(answer, truth), right)


def _errors(answer: float, truth: float) -> tuple[float, float]:
    return (answer - truth) ** 2, abs(answer - truth)


def read_line(line: str, kind: Kind, now: float) -> Prediction | Label:
    """Read one line of JSON.

    Args:
        line: An object with `request_id`, and `prediction`, `version` and `time`, or `label`.
        kind: Of predictions that are numbers and do not say.
        now: Unix seconds; the time of a label that does not say.

    Raises:
        InvalidInput: It is neither a prediction nor a label.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"is no JSON: {error}") from error
    if not isinstance(found, dict) or ("prediction" in found) == ("label" in found):
        raise InvalidInput(
            'is neither a prediction nor a label; expected {"request_id": ..., "label": ...}, or '
            '"prediction", "version" and "time" in place of "label"'
        )
    # As the servers do: what comes after does not count.
    request_id = _name(found, "request_id", longest=None)[:LONGEST_ID]
    if "label" in found:
        return Label(request_id, _value(found["label"], "label"), _time(found, now, now))
    answer = _value(found["prediction"], "prediction")
    said = found.get("kind", "label" if isinstance(answer, str) else kind)
    if said not in get_args(Kind) or (said == "label") != isinstance(answer, str):
        raise InvalidInput(f"has a prediction {shown(answer)} of kind {shown(said)}")
    if said == "probability" and not 0 <= float(answer) <= 1:
        raise InvalidInput(f"has the probability {shown(answer)}; expected a number from 0 to 1")
    return Prediction(
        request_id,
        _name(found, "version"),
        answer,
        _time(found, None, now),
        said,
        _number(found.get("threshold", 0.5), "threshold"),
        found.get("copied") is True,
    )


def _name(found: dict[str, Any], field: str, longest: int | None = LONGEST_ID) -> str:
    text = found.get(field)
    if not isinstance(text, str) or not text.isprintable() or not text:
        raise InvalidInput(f"has the {field} {shown(text)}; expected a text")
    if longest is not None and len(text) > longest:
        raise InvalidInput(f"has a {field} of {len(text)} characters; expected at most {longest}")
    return text


def _value(value: object, field: str) -> Value:
    if isinstance(value, str) and value.isprintable():
        return value[:LONGEST_LABEL]
    return _number(float(value) if isinstance(value, bool) else value, field)


def _number(value: object, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise InvalidInput(f"has the {field} {shown(value)}; expected a finite number")
    return float(value)


def _time(found: dict[str, Any], default: float | None, now: float) -> float:
    time = _number(found.get("time", default), "time")
    if not 0 <= time <= now + _DAY:
        raise InvalidInput(f"has the time {shown(time)}; expected Unix seconds, not in the future")
    return time
