"""From the bytes of a feedback request to a reward, and to the segment of the users it is from."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.errors import InvalidInput
from headrace.serving.reference import OTHER
from headrace.serving.request import parsed
from headrace.serving.signature import shown

LONGEST_SEGMENT = 63
"""Characters of a segment's name: it becomes the value of a label."""


@dataclass(frozen=True)
class Feedback:
    """What came back for an answer.

    Attributes:
        reward: In [0, 1].
        segment: Of whom; `other` where that is not told.
    """

    reward: float
    segment: str = OTHER


def read_feedback(body: bytes, tag: str | None = None) -> Feedback:
    """Read `{"reward": 0.0 to 1.0}`; of other fields `request.meta.tags`, where a tag is asked for.

    A reward that is missing is not a reward of zero, though seldon-core's own message cannot tell
    them apart: that is why the JSON is read here.

    Args:
        body: JSON, as it came.
        tag: Of the request that the feedback is for: its value is the segment.

    Raises:
        InvalidInput: There is no such reward. A segment that makes no sense is `other`: a reward
            must not be lost for it.
    """
    document = parsed(body)
    reward = document.get("reward") if isinstance(document, dict) else None
    if reward is None:
        raise InvalidInput('The feedback has no reward; expected {"reward": 0.0 to 1.0}.')
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not 0 <= reward <= 1:
        raise InvalidInput(
            f"The feedback's reward is {shown(reward)}; expected a number from 0 to 1."
        )
    return Feedback(float(reward), OTHER if tag is None else _segment(document, tag))


def _segment(document: object, tag: str) -> str:
    found = document
    for name in ("request", "meta", "tags", tag):
        found = found.get(name) if isinstance(found, dict) else None
    # What cannot be printed has no place in a label, and half of a surrogate pair on no page.
    usable = isinstance(found, str) and 0 < len(found) <= LONGEST_SEGMENT and found.isprintable()
    return str(found) if usable else OTHER
