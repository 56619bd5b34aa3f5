from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from headrace.errors import InvalidData
from headrace.training.flights import RULES
from headrace.training.sample import sample_flights
from headrace.training.validate import validate

ROWS = sample_flights(1200)


def assigned(column: str, value: object, rows: int = 1) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        values = [value] * rows + frame[column].tolist()[rows:]
        return frame.assign(**{column: pd.Series(values, index=frame.index)})

    return change


def test_good_flights_pass() -> None:
    report = validate(ROWS, RULES)
    assert not report.refused
    report.require()


def test_rare_missing_weather_is_told_and_tolerated() -> None:
    report = validate(ROWS, RULES)
    assert [(each.where, each.problem, each.tolerated) for each in report.violations] == [
        ("pressure", "no value", True)
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda f: f.drop(columns="dest"), "dest: the column is missing", id="column"),
        pytest.param(
            lambda f: f.assign(arr_delay=1.0), "arr_delay: the column is not known", id="leak"
        ),
        pytest.param(lambda f: f.head(10), "rows: fewer than 1000", id="few rows"),
        pytest.param(lambda f: f.head(0), "rows: fewer than 1000", id="no rows"),
        pytest.param(
            lambda f: pd.concat([f, f.head(3)]), "rows: the same flight again in 3 rows", id="twice"
        ),
        pytest.param(assigned("carrier", None), "carrier: no value in 1 rows", id="no carrier"),
        pytest.param(assigned("carrier", " "), "carrier: no text in 1 rows", id="blank carrier"),
        pytest.param(
            assigned("scheduled", "2013-01-01T10:00:00"),
            "scheduled: no ISO 8601 instant with an offset in 1 rows, 0 allowed, for example "
            "'2013-01-01T10:00:00'",
            id="a time without an offset",
        ),
        pytest.param(
            assigned("scheduled", "soon Z"), "scheduled: no ISO 8601 instant", id="no time"
        ),
        pytest.param(
            assigned("distance", -5.0),
            "distance: not between 10 and 6000 in 1 rows, 0 allowed, for example -5",
            id="a negative distance",
        ),
        pytest.param(assigned("distance", "far"), "distance: no number", id="a word for a number"),
        pytest.param(
            assigned("wind_speed", float("inf"), 2),
            "wind_speed: not between 0 and 150 in 2 rows, 1 allowed, for example inf",
            id="infinite wind",
        ),
        pytest.param(
            assigned("temp", float("nan"), 100),
            "temp: no value in 100 rows, 60 allowed",
            id="no weather",
        ),
        pytest.param(lambda f: f.assign(late=0), "late: all answers are the same", id="all early"),
        pytest.param(assigned("late", 2), "late: not between 0 and 1", id="an answer that is none"),
    ],
)
def test_what_must_hold_is_insisted_on(
    change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    report = validate(change(ROWS.copy()), RULES)
    with pytest.raises(InvalidData) as raised:
        report.require()
    assert says in str(raised.value)


def test_one_misread_wind_in_a_thousand_is_tolerated() -> None:
    report = validate(assigned("wind_speed", 1048.0)(ROWS.copy()), RULES)
    assert "wind_speed" in {each.where for each in report.violations}
    report.require()


def test_every_violation_is_in_one_error() -> None:
    broken = ROWS.drop(columns="dest").assign(distance=0, late=1)
    with pytest.raises(InvalidData, match="breaks 3 rules") as raised:
        validate(broken, RULES).require()
    places = {line.split(":")[0].strip() for line in str(raised.value).splitlines()[1:]}
    assert places == {"dest", "distance", "late"}
