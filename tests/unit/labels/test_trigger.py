from __future__ import annotations

import pytest

from headrace.errors import InvalidInput
from headrace.labels.quality import Hour, Quality, overall, quality
from headrace.labels.trigger import Condition, Trigger, decide, read_conditions

GOOD = Quality("7", 0, 500, {"accuracy": 0.8, "brier": 0.15})
BAD = Quality("7", 0, 500, {"accuracy": 0.6, "brier": 0.3})
OTHER = Quality("6", 0, 9000, {"accuracy": 0.1, "brier": 0.9})
TRIGGER = Trigger(read_conditions("accuracy < 0.7 or brier > 0.25"), least=200, cool_down=3600.0)


def test_conditions_are_read() -> None:
    assert read_conditions(" accuracy<0.7 or mae >= 1e2 ") == (
        Condition("accuracy", "<", 0.7),
        Condition("mae", ">=", 100.0),
    )


@pytest.mark.parametrize(
    "text", ["", "accuracy", "auc < 1", "accuracy < x", "accuracy < 1 and", "or"]
)
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput, match="for example"):
        read_conditions(text)


@pytest.mark.parametrize(
    ("seen", "fired", "reason"),
    [
        ([BAD], None, "QualityDropped"),
        ([GOOD, OTHER], None, "QualityHolds"),
        ([BAD], 9000.0, "CoolingDown"),
        ([BAD], 6400.0, "QualityDropped"),
        ([GOOD], 9000.0, "QualityHolds"),
        ([OTHER], None, "TooFewLabels"),
        ([], None, "TooFewLabels"),
    ],
)
def test_a_drop_fires_once_in_a_cool_down(
    seen: list[Quality], fired: float | None, reason: str
) -> None:
    verdict = decide(TRIGGER, seen, "7", fired, now=10_000.0)
    assert (verdict.reason, verdict.fires) == (reason, reason == "QualityDropped")


def test_the_reason_has_the_numbers() -> None:
    said = decide(TRIGGER, [BAD], "7", None, 0.0).message
    assert said.startswith("accuracy of version 7 is 0.6, < 0.7, on 500 labels; brier")


def test_a_score_that_is_not_there_is_no_reason() -> None:
    seen = [Quality("7", 0, 500, {"mae": 9.0, "rmse": 9.0})]
    assert decide(TRIGGER, seen, "7", None, 0.0).reason == "QualityHolds"


def test_hours_are_summed_to_periods_of_each_version() -> None:
    hours = [
        Hour("7", "probability", 3600, 10, 8.0, 1.0, 3.0),
        Hour("7", "probability", 0, 30, 12.0, 3.0, 9.0),
        Hour("7", "probability", 7200, 1, 1.0, 0.0, 0.0),
        Hour("8", "number", 0, 4, 0.0, 16.0, 8.0),
    ]
    assert quality(hours, 7200) == (
        Quality("7", 0, 40, {"accuracy": 0.5, "brier": 0.1}),
        Quality("7", 7200, 1, {"accuracy": 1.0, "brier": 0.0}),
        Quality("8", 0, 4, {"mae": 2.0, "rmse": 2.0}),
    )
    assert [(each.version, each.count) for each in overall(hours)] == [("7", 41), ("8", 4)]
