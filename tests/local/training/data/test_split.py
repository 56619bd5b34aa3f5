from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import HeadraceError, InvalidData, InvalidInput
from headrace.training.data.schema import Column, DataSchema
from headrace.training.data.split import Split, split
from headrace.training.data.table import describe_table, read_table, write_table


def schema(**roles: Any) -> DataSchema:
    kind = "number" if roles.get("task") == "regression" else "integer"
    defaults: dict[str, Any] = {"task": "binary", "positive": "1"}
    return DataSchema(
        target="y",
        columns=(
            Column(name="x", type="integer"),
            Column(name="who", type="string"),
            Column(name="when", type="instant"),
            Column(name="y", type=kind),
        ),
        **({} if "task" in roles else defaults),
        **roles,
    )


def rows(count: int = 200) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": np.arange(count),
            "who": [f"p{i % 23}" for i in range(count)],
            "when": pd.date_range("2026-01-01", periods=count, freq="1h", tz="UTC")
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_numpy()[np.random.default_rng(1).permutation(count)],
            "y": (np.arange(count) % 5 == 0).astype(int),
        }
    )


def divide(folder: Path, frame: pd.DataFrame, schema: DataSchema, **more: Any) -> Split:
    write_table(folder / "rows", frame)
    return split(folder / "rows", schema, folder / "train", folder / "holdout", **more)


@pytest.mark.parametrize(
    ("roles", "method", "expected"),
    [
        pytest.param({}, "auto", "stratified", id="classes"),
        pytest.param({"task": "regression"}, "auto", "random", id="numbers"),
        pytest.param({"task": "multiclass"}, "auto", "stratified", id="several classes"),
        pytest.param({"time": "when"}, "auto", "time", id="a time"),
        pytest.param({"time": "when", "group": "who"}, "auto", "grouped", id="a group"),
        pytest.param({"time": "when"}, "random", "random", id="what is asked"),
    ],
)
def test_both_sides_are_all_rows_in_their_order(
    tmp_path: Path, roles: dict[str, Any], method: Any, expected: str
) -> None:
    frame = rows()
    result = divide(tmp_path, frame, schema(**roles), method=method)
    assert result.method == expected
    train, holdout = read_table(tmp_path / "train"), read_table(tmp_path / "holdout")
    assert (len(train), len(holdout)) == (result.train.rows, result.holdout.rows)
    assert 30 <= len(holdout) <= 50
    assert train["x"].is_monotonic_increasing
    together = pd.concat([train, holdout]).sort_values("x", ignore_index=True)
    pd.testing.assert_frame_equal(together, frame)
    again = divide(tmp_path, frame, schema(**roles), method=method)
    assert again == result
    if expected != "time":
        other = divide(tmp_path, frame, schema(**roles), method=method, seed=1)
        assert other.train.digest != result.train.digest


def test_a_stratified_split_keeps_the_share_of_each_label(tmp_path: Path) -> None:
    divide(tmp_path, rows(), schema())
    assert (
        read_table(tmp_path / "train")["y"].mean() == read_table(tmp_path / "holdout")["y"].mean()
    )


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=12, max_size=40).filter(
        lambda g: len(set(g)) > 2
    ),
    st.floats(0.1, 0.9),
    st.integers(0, 5),
)
def test_no_group_is_ever_on_both_sides(
    tmp_path_factory: pytest.TempPathFactory, groups: list[str], share: float, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    frame = rows(len(groups)).assign(who=groups, y=np.arange(len(groups)) / 2)
    divide(folder, frame, schema(task="regression", group="who"), share=share, seed=seed)
    sides = [set(read_table(folder / name)["who"]) for name in ("train", "holdout")]
    assert all(sides)
    assert not sides[0] & sides[1]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 9), min_size=5, max_size=60), st.floats(0.1, 0.9))
def test_what_is_held_out_is_later_than_all_the_rest(
    tmp_path_factory: pytest.TempPathFactory, hours: list[int], share: float
) -> None:
    folder = tmp_path_factory.mktemp("split")
    when = [f"2026-01-01T{hour:02}:00:00Z" for hour in hours]
    frame = rows(len(hours)).assign(when=when, y=0.5)
    frame.loc[0, "when"] = "2025-12-31T00:00:00Z"
    if round(len(hours) * (1 - share)) == 0:
        return
    found = divide(folder, frame, schema(task="regression", time="when"), share=share)
    train, holdout = read_table(folder / "train")["when"], read_table(folder / "holdout")["when"]
    assert train.max() < holdout.min() == found.boundary


def test_the_last_days_are_held_out(tmp_path: Path) -> None:
    found = divide(tmp_path, rows(), schema(time="when"), last="24h")
    assert found.holdout.rows == 24
    assert found.boundary == "2026-01-08T08:00:00Z"


@pytest.mark.parametrize(
    ("roles", "more", "kind", "says"),
    [
        pytest.param({}, {"share": 0}, InvalidInput, "share is 0", id="nothing held out"),
        pytest.param({}, {"share": float("nan")}, InvalidInput, "share is nan", id="NaN"),
        pytest.param({}, {"seed": -1}, InvalidInput, "seed is -1", id="no seed"),
        pytest.param({}, {"method": "magic"}, InvalidInput, "expected one of auto", id="no method"),
        pytest.param({}, {"method": "grouped"}, InvalidInput, "names the group", id="no group"),
        pytest.param({}, {"method": "time"}, InvalidInput, "names the time", id="no time"),
        pytest.param(
            {"task": "regression"},
            {"method": "stratified"},
            InvalidInput,
            "needs labels",
            id="no labels",
        ),
        pytest.param({}, {"last": "1d"}, InvalidInput, "the split is stratified", id="last days"),
        pytest.param({"time": "when"}, {"last": "soon"}, InvalidInput, "no duration", id="no span"),
        pytest.param(
            {"time": "when"}, {"last": "0s"}, InvalidInput, "above zero", id="no span at all"
        ),
        pytest.param(
            {"time": "when"}, {"last": "999d"}, InvalidData, "none is left", id="too long"
        ),
        pytest.param(
            {"time": "when"}, {"last": f"{10**11}d"}, InvalidData, "none is left", id="endless"
        ),
        pytest.param(
            {"group": "who"},
            {"method": "random"},
            InvalidInput,
            "random split puts .* groups on both sides",
            id="groups that leak",
        ),
        pytest.param(
            {"group": "who", "time": "when"},
            {"method": "time"},
            InvalidInput,
            "time split puts",
            id="groups that leak over time",
        ),
    ],
)
def test_a_split_that_is_wrong(
    tmp_path: Path, roles: dict[str, Any], more: Any, kind: type[HeadraceError], says: str
) -> None:
    with pytest.raises(kind, match=says):
        divide(tmp_path, rows(), schema(**roles), **more)
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize(
    ("frame", "roles", "says"),
    [
        pytest.param(rows(1), {}, "There are 1 rows", id="one row"),
        pytest.param(rows().assign(y=0), {}, "same y", id="one label"),
        pytest.param(
            rows().assign(y=[1, *[0] * 199]), {}, "least populated class", id="a rare label"
        ),
        pytest.param(
            rows().assign(y=[1, *[0] * 199]),
            {"time": "when"},
            "judged by: All .* same y",
            id="a side of one label",
        ),
        pytest.param(rows().assign(who="me"), {"group": "who"}, "one group", id="one group"),
        pytest.param(
            rows().assign(who=[None, *["a"] * 199]),
            {"group": "who"},
            "1 rows are of no",
            id="no group",
        ),
        pytest.param(
            rows().assign(when="2026-01-01T00:00:00Z"),
            {"time": "when"},
            "none is left",
            id="one instant",
        ),
        pytest.param(rows().assign(when="soon"), {"time": "when"}, "no instant", id="no instants"),
        pytest.param(rows().drop(columns="y"), {}, "lacks the columns y", id="no target"),
    ],
)
def test_rows_that_cannot_be_split(
    tmp_path: Path, frame: pd.DataFrame, roles: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidData, match=says):
        divide(tmp_path, frame, schema(**roles))


def test_a_side_never_takes_the_place_of_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    before = write_table(path, rows())
    for train, holdout in ((path, tmp_path / "b"), (tmp_path / "a", path), (tmp_path / "a",) * 2):
        with pytest.raises(InvalidInput, match="three different files"):
            split(path, schema(), train, holdout)
    assert describe_table(path) == before


def test_a_label_that_only_the_holdout_has_is_refused(tmp_path: Path) -> None:
    frame = rows().sort_values("when", ignore_index=True)
    frame["y"] = [0, 1] * 95 + [0, 2] * 5
    with pytest.raises(InvalidData, match="labels 2 are in the holdout only"):
        divide(tmp_path, frame, schema(task="multiclass", time="when"))
