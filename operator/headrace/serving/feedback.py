"""From the bytes of a feedback request to a reward."""

from __future__ import annotations

from headrace.errors import InvalidInput
from headrace.serving.request import parsed
from headrace.serving.signature import shown


def read_reward(body: bytes) -> float:
    """Read `{"reward": 0.0 to 1.0}`; other fields are left alone.

    A reward that is missing is not a reward of zero, though seldon-core's own message cannot tell
    them apart: that is why the JSON is read here.

    Args:
        body: JSON, as it came.

    Returns:
        In [0, 1].

    Raises:
        InvalidInput: There is no such reward.
    """
    document = parsed(body)
    reward = document.get("reward") if isinstance(document, dict) else None
    if reward is None:
        raise InvalidInput('The feedback has no reward; expected {"reward": 0.0 to 1.0}.')
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not 0 <= reward <= 1:
        raise InvalidInput(
            f"The feedback's reward is {shown(reward)}; expected a number from 0 to 1."
        )
    return float(reward)
