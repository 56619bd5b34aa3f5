"""When to train again: a quality that is worse than a limit, on enough labels, not too often."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headrace.errors import InvalidInput
from headrace.labels.quality import Quality

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(
    r"\s*(accuracy|brier|mae|rmse)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?)\s*"
)


@dataclass(frozen=True)
class Condition:
    """One comparison.

    Attributes:
        score: `accuracy`, `brier`, `mae` or `rmse`.
        sign: `<`, `<=`, `>` or `>=`.
        limit: What it is compared with.
    """

    score: str
    sign: str
    limit: float

    def holds(self, scores: Mapping[str, float]) -> bool:
        """Say whether scores meet it; a score that is not there does not."""
        return self.score in scores and _COMPARE[self.sign](scores[self.score], self.limit)


@dataclass(frozen=True)
class Trigger:
    """What is a reason to train again.

    Attributes:
        conditions: Any of them.
        least: Labelled predictions without which nothing is said.
        cool_down: Seconds after it fired in which it does not fire again.
    """

    conditions: tuple[Condition, ...]
    least: int
    cool_down: float


@dataclass(frozen=True)
class Verdict:
    """Whether to train again.

    Attributes:
        fires: Whether.
        reason: In one CamelCase word; of labels `QualityDropped`, `QualityHolds`, `TooFewLabels` or
            `CoolingDown`.
        message: Why, in a sentence with the numbers.
    """

    fires: bool
    reason: str
    message: str


def read_conditions(expression: str) -> tuple[Condition, ...]:
    """Read comparisons that are joined by `or`, such as `accuracy < 0.7 or brier > 0.2`.

    Raises:
        InvalidInput: It is none.
    """
    found = []
    for part in re.split(r"\bor\b", expression):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise InvalidInput(
                f"{part.strip()!r} is no condition; expected accuracy, brier, mae or rmse, then "
                "<, <=, > or >=, then a number, for example 'accuracy < 0.7 or brier > 0.2'."
            )
        found.append(Condition(match[1], match[2], float(match[3])))
    return tuple(found)


def decide(
    trigger: Trigger, seen: Sequence[Quality], version: str, fired: float | None, now: float
) -> Verdict:
    """Decide whether to train again. Pure: the same arguments give the same verdict.

    Args:
        trigger: What is a reason.
        seen: Qualities of all versions, each over the whole time that counts.
        version: The one that has the users.
        fired: When the trigger fired last, Unix seconds; None for never.
        now: Unix seconds.
    """
    ours = [each for each in seen if each.version == version]
    labels = sum(each.count for each in ours)
    if labels < trigger.least:
        text = f"Version {version} has {labels} labelled predictions; {trigger.least} are needed."
        return Verdict(False, "TooFewLabels", text)
    held = [
        f"{condition.score} of version {version} is {each.scores[condition.score]:.4g}, "
        f"{condition.sign} {condition.limit:g}, on {each.count} labels"
        for each in ours
        for condition in trigger.conditions
        if condition.holds(each.scores)
    ]
    if not held:
        told = "; ".join(f"{k} {v:.4g}" for each in ours for k, v in each.scores.items())
        return Verdict(
            False, "QualityHolds", f"Version {version} holds on {labels} labels: {told}."
        )
    if fired is not None and now < fired + trigger.cool_down:
        wait = fired + trigger.cool_down - now
        return Verdict(False, "CoolingDown", f"{held[0]}; not again for {wait:.0f} s.")
    return Verdict(True, "QualityDropped", f"{'; '.join(held)}.")
