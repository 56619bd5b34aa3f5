from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headrace.errors import InvalidData, InvalidInput
from headrace.training.data import table as tables
from headrace.training.data.distributions import psi
from headrace.training.data.infer import infer_schema
from headrace.training.data.report import DataReport, reference_of
from headrace.training.data.schema import DataSchema
from headrace.training.data.schema_text import parse_schema, to_yaml
from headrace.training.data.table import write_table
from headrace.training.data.validate import validate

NOW = datetime(2026, 3, 1, tzinfo=UTC)

SCHEMA = parse_schema(
    """
task: binary
target: late
positive: 1
key: [number]
time: when
freshness: 30d
leastRows: 50
columns:
- {name: number, type: integer, low: 1, request: false}
- {name: carrier, type: category, categories: [UA, B6], outside: 0.05}
- {name: temp, type: number, low: -40, high: 130, nullable: 0.1, outside: 0.02}
- {name: note, type: string, nullable: 1}
- {name: warm, type: boolean}
- {name: when, type: instant}
- {name: late, type: integer, categories: [0, 1]}
"""
)


def good(rows: int = 200) -> pd.DataFrame:
    days = pd.date_range("2026-02-01", periods=rows, freq="1h", tz="UTC")
    return pd.DataFrame(
        {
            "number": np.arange(1, rows + 1),
            "carrier": ["UA" if i % 3 else "B6" for i in range(rows)],
            "temp": np.linspace(0, 100, rows),
            "note": [("a", "b", None)[i % 3] for i in range(rows)],
            "warm": np.arange(rows) % 2 == 0,
            "when": days.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "late": np.arange(rows) % 5 == 0,
        }
    ).astype({"late": int})


Check = Callable[..., DataReport]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(rows: pd.DataFrame, schema: DataSchema = SCHEMA, **more: Any) -> DataReport:
        write_table(tmp_path / "rows", rows)
        return validate(tmp_path / "rows", schema, NOW, **more)

    return run


def test_good_rows_have_no_violations(check: Check) -> None:
    report = check(good())
    assert report.violations == ()
    assert report.passed
    report.require()


def put(column: str, value: object, rows: int = 1) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        values = frame[column].tolist()
        values[:rows] = [value] * rows
        return frame.assign(**{column: pd.Series(values)})

    return change


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(temp=frame["temp"].astype(str))


def naive(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(when=pd.to_datetime(frame["when"]).dt.tz_localize(None))


def old(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(when="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(put("temp", None, 21), "temp: no value in 21 rows, 20 allowed", id="missing"),
        pytest.param(
            put("temp", 500.0, 5),
            "temp: not between -40 and 130 in 5 rows, 4 allowed, for example 500",
            id="range",
        ),
        pytest.param(put("temp", float("inf"), 5), "temp: not between", id="infinite"),
        pytest.param(
            lambda f: f.assign(temp=f["temp"] + 500.5), "for example 500.5", id="a float's example"
        ),
        pytest.param(
            as_text, "temp: no number in 200 rows, 0 allowed, for example '0.0'", id="text"
        ),
        pytest.param(put("number", 0), "number: below 1 or not finite in 1 rows", id="below"),
        pytest.param(put("number", 1.5), "number: no whole number in 1 rows", id="a fraction"),
        pytest.param(
            put("carrier", "XX", 11), "carrier: none of UA, B6 in 11 rows, 10", id="category"
        ),
        pytest.param(put("carrier", " "), "carrier: no text in 1 rows", id="a blank"),
        pytest.param(put("carrier", None), "carrier: no value in 1 rows, 0 allowed", id="null"),
        pytest.param(
            put("when", "2026-02-01T10:00:00"), "when: no ISO 8601 instant", id="no offset"
        ),
        pytest.param(put("when", "soon"), "when: no ISO 8601 instant", id="no instant"),
        pytest.param(
            naive, "when: no ISO 8601 instant with an offset in 200", id="naive timestamps"
        ),
        pytest.param(old, "when: the newest row is 59d old, at most 30d allowed", id="stale"),
        pytest.param(put("number", 7), "number: the same key again in 1 rows", id="a key twice"),
        pytest.param(put("late", 2), "late: none of 0, 1 in 1 rows", id="a third label"),
        pytest.param(lambda f: f.assign(late=0), "late: all answers are the same", id="one class"),
        pytest.param(
            lambda f: f.assign(late=f["late"] + 2), "late: never the label 1", id="no positive"
        ),
        pytest.param(lambda f: f.head(49), "rows: fewer than 50 in 49 rows", id="too few"),
        pytest.param(lambda f: f.head(0), "rows: fewer than 50", id="none"),
        pytest.param(
            lambda f: f.drop(columns="temp"), "temp: the column is missing", id="a column less"
        ),
        pytest.param(
            lambda f: f.assign(x=1), "x: the column is not in the schema", id="a column more"
        ),
        pytest.param(
            lambda f: f.assign(warm="yes"), "warm: neither true nor false", id="no boolean"
        ),
    ],
)
def test_what_breaks_the_schema_is_named(
    check: Check, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    report = check(change(good()))
    assert not report.passed
    assert says in "\n".join(map(str, report.refused))
    with pytest.raises(InvalidData, match="breaks its schema"):
        report.require()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(put("temp", None, 20), id="missing within its share"),
        pytest.param(put("temp", 500.0, 4), id="out of range within its share"),
        pytest.param(put("carrier", "XX", 10), id="unknown categories within their share"),
        pytest.param(lambda f: f.assign(temp=5.0), id="a constant column"),
        pytest.param(lambda f: f.assign(note=None), id="a column without a value"),
    ],
)
def test_what_is_tolerated_is_told_all_the_same(
    check: Check, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    report = check(change(good()))
    assert len(report.violations) == 1
    assert report.passed


def test_parquet_s_own_types_are_taken(check: Check) -> None:
    rows = good()
    rows["when"] = pd.to_datetime(rows["when"])
    rows["late"] = rows["late"].astype(float)
    rows["warm"] = rows["warm"].astype(int)
    assert check(rows).violations == ()


def test_batches_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Check
) -> None:
    rows = put("temp", None, 30)(good())
    rows.loc[199, "number"] = 1
    whole = check(rows).violations
    batches = tables.read_batches
    monkeypatch.setattr(
        "headrace.training.data.validate.read_batches",
        lambda path, columns: batches(path, columns, rows=16),
    )
    assert check(rows).violations == whole
    assert {each.problem for each in whole} == {"no value", "the same key again"}


@pytest.mark.parametrize(
    ("numbers", "again"),
    [
        pytest.param([1, 2, 3, None, 1, 4], 1, id="again beside a missing one"),
        pytest.param([2**60, 2**60 + 1, None, 3], 0, id="large ones that floats cannot tell apart"),
        pytest.param([None, None, 1, 2], 0, id="missing twice"),
    ],
)
def test_missing_keys_change_nothing_about_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: list[int | None], again: int
) -> None:
    batches = tables.read_batches
    monkeypatch.setattr(
        "headrace.training.data.validate.read_batches",
        lambda path, columns: batches(path, columns, rows=3),
    )
    table = good(len(numbers)).assign(number=pd.array(numbers, dtype="Int64"))
    write_table(tmp_path / "rows", table)
    column = SCHEMA.column("number").model_copy(update={"nullable": 1.0, "unique": True})
    schema = SCHEMA.model_copy(update={"key": (), "columns": (column, *SCHEMA.columns[1:])})
    found = validate(tmp_path / "rows", schema, NOW).violations
    assert [each.rows for each in found if each.problem == "the same key again"] == [again] * again


@pytest.mark.parametrize("text", ["missing", "other"])
def test_texts_that_name_our_own_counts_are_no_drift(check: Check, text: str) -> None:
    rows = good().assign(note=[text, "a"] * 100)
    report = check(rows, previous=check(rows).reference)
    assert max(each.psi for each in report.shifts) < 0.01


def test_a_data_set_is_compared_with_the_last_training_set(check: Check) -> None:
    reference = check(good()).reference
    assert reference is not None
    same = check(good(), previous=reference)
    assert same.passed
    assert max(each.psi for each in same.shifts) < 0.01
    warm = good().assign(temp=lambda f: f["temp"].clip(lower=50))
    moved = check(warm, previous=reference)
    assert [each.column for each in moved.drifted] == ["temp"]
    with pytest.raises(InvalidData, match=r"has drifted .*\n  temp: drift of"):
        moved.require()


def test_a_category_that_was_rare_and_is_common_has_drifted(check: Check) -> None:
    reference = check(good()).reference
    new = check(put("carrier", "B6", 190)(good()), previous=reference)
    (shift,) = new.drifted
    assert shift.column == "carrier"
    assert shift.most == "UA: 66.5% before, 3.5% now"


def test_missing_values_are_a_drift_of_their_own(check: Check) -> None:
    reference = check(good()).reference
    (shift,) = check(put("note", None, 199)(good()), previous=reference).drifted
    assert (shift.column, shift.most) == ("note", "missing: 33.0% before, 99.5% now")


def test_the_report_of_one_data_set_is_the_reference_of_the_next(check: Check) -> None:
    import json

    report = check(good())
    text = json.dumps(report.to_document(), allow_nan=False)
    assert reference_of(text, "report.json") == report.reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "headrace.dev/data-report/v1"}',
        '{"format": "headrace.dev/data-report/v1", "reference": [1]}',
    ],
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"report\.json"):
        reference_of(text, "report.json")


def test_a_limit_of_zero_is_refused(check: Check) -> None:
    with pytest.raises(InvalidInput, match="drift_limit is 0"):
        check(good(), previous=check(good()).reference, drift_limit=0)


@pytest.mark.parametrize(
    ("before", "now", "low", "high"),
    [
        pytest.param([10, 20], [100, 200], 0.0, 0.01, id="the same shares"),
        pytest.param([500, 500], [900, 100], 0.8, 0.95, id="a large shift"),
        pytest.param([500, 0], [500, 500], 1, 10, id="a new bin is no infinite shift"),
        pytest.param([0, 0], [1, 2], 0, 0, id="nothing before"),
        pytest.param([1, 2], [0, 0], 0, 0, id="nothing now"),
    ],
)
def test_the_index(before: list[int], now: list[int], low: float, high: float) -> None:
    assert low <= psi(before, now) <= high


@pytest.mark.parametrize("task", [None, "multiclass"])
def test_an_inferred_schema_takes_the_rows_that_it_was_inferred_of(
    tmp_path: Path, task: Any
) -> None:
    write_table(tmp_path / "rows", good())
    schema = infer_schema(
        good(), "late", task=task, time="when", positive="1" if not task else None
    )
    assert schema.task == (task or "binary")
    assert schema.column("number").unique
    assert not schema.column("number").request
    assert {c.name: c.type for c in schema.columns} == {
        "number": "integer", "carrier": "category", "temp": "number", "note": "category",
        "warm": "boolean", "when": "instant", "late": "integer",
    }  # fmt: skip
    assert parse_schema(to_yaml(schema)) == schema
    assert validate(tmp_path / "rows", schema, NOW).passed


@pytest.mark.parametrize(
    ("target", "task"),
    [
        pytest.param("temp", "regression", id="many numbers"),
        pytest.param("carrier", "binary", id="two texts"),
        pytest.param("warm", "binary", id="a boolean"),
    ],
)
def test_the_task_is_inferred_of_the_target(target: str, task: str) -> None:
    assert infer_schema(good(), target).task == task


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.linspace(1_000_000, 1_000_010, 200), id="far from zero"),
        pytest.param(np.linspace(-1_000_010, -1_000_000, 200), id="far below zero"),
        pytest.param(np.arange(1_700_000_000, 1_700_000_200), id="seconds of Unix time"),
        pytest.param(np.array([0.0, 1.7e308] * 100), id="as large as can be"),
        pytest.param(pd.Series([None] * 200, dtype=object), id="nothing at all"),
    ],
)
def test_an_inferred_schema_takes_any_column(check: Check, values: Any) -> None:
    rows = good().assign(note=values)
    schema = infer_schema(rows, "late")
    assert check(rows, schema).refused == ()


def test_an_answer_is_not_inferred_to_be_unique() -> None:
    rows = good().assign(price=range(1000, 1200))
    column = infer_schema(rows, "price").answer
    assert not column.unique


@pytest.mark.parametrize(
    ("rows", "target", "says"),
    [
        pytest.param(good().assign(late=[0.5, 1.5] * 100), "late", "type number", id="halves"),
        pytest.param(good().rename(columns={"temp": " x"}), "late", "name: is ' x'", id="a blank"),
        pytest.param(pd.DataFrame([[1, 2]]), "y", "the rows have 0, 1", id="numbered columns"),
        pytest.param(
            pd.DataFrame([[1, 2, 3]], columns=["x", "x", "y"]),
            "y",
            "x are there",
            id="a name twice",
        ),
        pytest.param(good(), "x", "no column x", id="no such target"),
        pytest.param(good(0), "late", "no rows", id="no rows"),
        pytest.param(good().assign(late=None), "late", "late has no value", id="no answers"),
        pytest.param(pd.DataFrame({"x": [[1]], "y": [1]}), "y", "x holds", id="lists"),
    ],
)
def test_what_has_no_schema(rows: pd.DataFrame, target: str, says: str) -> None:
    with pytest.raises((InvalidData, InvalidInput), match=says):
        infer_schema(rows, target)
