from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headrace.delivery.batch.predict import Batch, Predicted, batch_predict
from headrace.delivery.batch.store import BatchStore
from headrace.errors import Conflict, InvalidBundle, InvalidData, InvalidInput
from headrace.training.data.schema import Task
from headrace.training.packaging.package import Release, package
from headrace.training.packaging.parity import answers
from tests.local.training.packaging.models import EVALUATION, TASKS, Made, hours, make

Bundles = Callable[[Task], tuple[Made, Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    bundles: dict[Task, tuple[Made, Path]] = {}

    def of(task: Task) -> tuple[Made, Path]:
        if task not in bundles:
            folder = tmp_path_factory.mktemp(task)
            model = make(folder, task)
            release = Release("flights", "7")
            package(folder / "b", release, model.path, model.train, model.holdout, EVALUATION)
            bundles[task] = model, folder / "b"
        return bundles[task]

    return of


def table(folder: Path, rows: pd.DataFrame, row_group: int = 70) -> Path:
    rows = rows.assign(id=np.arange(len(rows)))
    rows.to_parquet(folder / "rows.parquet", index=False, row_group_size=row_group)
    return folder / "rows.parquet"


def predict(bundle: Path, rows: Path, target: Path, **changes: Any) -> Predicted:
    values: dict[str, Any] = {"rows": rows, "keys": ("id",), "partition_rows": 64}
    batch = Batch(**(values | changes))
    return batch_predict(bundle, batch, str(target), lambda line: None)


def partitions(target: Path) -> pd.DataFrame:
    files = sorted(target.glob("part-*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


@pytest.mark.parametrize("task", TASKS)
def test_every_row_has_the_prediction_of_the_model(
    made: Bundles, tmp_path: Path, task: Task
) -> None:
    model, bundle = made(task)
    rows = table(tmp_path, model.holdout)
    found = predict(bundle, rows, tmp_path / "out")
    written = partitions(tmp_path / "out")
    assert list(written["id"]) == list(range(300))
    assert (found.rows, found.partitions, found.resumed, found.failed) == (300, 5, 0, {})
    assert set(written["model_version"]) == {"7"}
    assert written["fault"].isna().all()
    holdout = model.holdout.astype(object).where(model.holdout.notna(), None)
    request = {name: holdout[name].tolist() for name in ("distance", "minute", "carrier")}
    expected = answers(model.fitted, hours(request))
    if task == "multiclass":
        assert list(written["prediction"]) == list(expected)
    else:
        assert list(written["prediction"]) == pytest.approx(list(expected), abs=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_nothing_has_drifted_where_nothing_has_changed(
    made: Bundles, tmp_path: Path, task: Task
) -> None:
    model, bundle = made(task)
    found = predict(bundle, table(tmp_path, model.holdout), tmp_path / "out")
    assert found.drifted == ()
    assert {each.name for each in found.drifts} == {"distance", "hour", "carrier", "prediction"}
    assert all(each.rows == 300 for each in found.drifts)
    assert found.metrics()["worst_input_psi"] < 0.25


@pytest.mark.parametrize("task", TASKS)
def test_drift_is_found(made: Bundles, tmp_path: Path, task: Task) -> None:
    model, bundle = made(task)
    moved = model.holdout.assign(distance=model.holdout["distance"] + 2000)
    found = predict(bundle, table(tmp_path, moved), tmp_path / "out")
    assert {"distance", "prediction"} <= set(found.drifted)
    assert "carrier" not in found.drifted
    assert "drifted" in found.page()


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", ["rows", "partition"])
@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_run_that_was_killed_anywhere_goes_on(
    made: Bundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, after: str
) -> None:
    model, bundle = made("binary")
    rows = table(tmp_path, model.holdout)
    whole = predict(bundle, rows, tmp_path / "whole")
    write, write_file = BatchStore.write, BatchStore._write

    def dying(self: BatchStore, place: int, frame: pd.DataFrame, known: Mapping[str, Any]) -> None:
        write(self, place, frame, known)
        if place == number:
            raise Killed

    def dying_file(self: BatchStore, name: str, content: bytes) -> None:
        write_file(self, name, content)
        if name == f"part-{number:06d}.parquet":
            raise Killed

    with monkeypatch.context() as patch:
        if after == "partition":
            patch.setattr(BatchStore, "write", dying)
        else:
            patch.setattr(BatchStore, "_write", dying_file)
        with pytest.raises(Killed):
            predict(bundle, rows, tmp_path / "out")
    again = predict(bundle, rows, tmp_path / "out")
    assert again.resumed == number + (after == "partition")
    assert again.drifts == whole.drifts
    pd.testing.assert_frame_equal(partitions(tmp_path / "out"), partitions(tmp_path / "whole"))


def test_a_partition_that_was_cut_off_is_done_again(made: Bundles, tmp_path: Path) -> None:
    model, bundle = made("binary")
    rows = table(tmp_path, model.holdout)
    predict(bundle, rows, tmp_path / "out")
    done = tmp_path / "out" / "part-000003.json"
    done.write_text(done.read_text()[:20])
    assert predict(bundle, rows, tmp_path / "out").resumed == 4


@pytest.mark.parametrize("change", ["rows", "keys", "bundle", "partition_rows"])
def test_another_batch_is_not_mixed_with_this_one(
    made: Bundles, tmp_path: Path, change: str
) -> None:
    model, bundle = made("binary")
    rows = table(tmp_path, model.holdout)
    predict(bundle, rows, tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    changes: dict[str, Any] = {}
    if change == "rows":
        (tmp_path / "other").mkdir()
        rows = table(tmp_path / "other", model.train)
    elif change == "bundle":
        bundle = made("multiclass")[1]
    else:
        changes[change] = {"keys": (), "partition_rows": 65}[change]
    with pytest.raises(Conflict, match="has the predictions of another batch"):
        predict(bundle, rows, tmp_path / "out", **changes)
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def broken_rows(model: Made) -> pd.DataFrame:
    rows = model.holdout.astype({"minute": object})
    rows.loc[5, "minute"] = None
    rows.loc[6, "minute"] = np.nan
    rows.loc[7, "distance"] = np.inf
    return rows.astype({"minute": float})


def test_rows_that_no_request_could_carry_have_no_prediction(made: Bundles, tmp_path: Path) -> None:
    model, bundle = made("multiclass")
    rows = table(tmp_path, broken_rows(model))
    found = predict(bundle, rows, tmp_path / "out", largest_failed=0.01)
    assert found.failed == {"minute is missing": 2, "distance is no finite number": 1}
    written = partitions(tmp_path / "out").set_index("id")
    assert list(written.index[written["prediction"].isna()]) == [5, 6, 7]
    assert written.loc[7, "fault"] == "distance is no finite number"
    assert "minute is missing" in found.page()


def test_too_many_of_them_fail_the_batch(made: Bundles, tmp_path: Path) -> None:
    model, bundle = made("binary")
    rows = table(tmp_path, broken_rows(model))
    with pytest.raises(InvalidData, match=r"3 of 300 rows have no prediction: 2 times minute"):
        predict(bundle, rows, tmp_path / "out")
    assert not (tmp_path / "out" / "summary.json").exists()


def test_all_rows_broken_are_no_reason_to_crash(made: Bundles, tmp_path: Path) -> None:
    model, bundle = made("regression")
    rows = table(tmp_path, model.holdout.assign(minute=np.nan))
    found = predict(bundle, rows, tmp_path / "out", largest_failed=1.0)
    assert found.failed == {"minute is missing": 300}
    assert found.drifted == ()


def test_a_table_without_rows_is_a_batch_of_none(made: Bundles, tmp_path: Path) -> None:
    model, bundle = made("binary")
    found = predict(bundle, table(tmp_path, model.holdout.head(0)), tmp_path / "out")
    assert (found.rows, found.partitions) == (0, 0)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["rows"] == 0


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        pytest.param({"keys": ("ID",)}, InvalidData, "lack the columns ID", id="no such key"),
        pytest.param({"partition_rows": 0}, InvalidInput, "is none", id="no partition"),
    ],
)
def test_a_batch_that_is_none_is_refused(
    made: Bundles, tmp_path: Path, changes: Any, error: type[Exception], says: str
) -> None:
    model, bundle = made("binary")
    with pytest.raises(error, match=says):
        predict(bundle, table(tmp_path, model.holdout), tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_a_column_too_few_is_told_before_anything_is_written(made: Bundles, tmp_path: Path) -> None:
    model, bundle = made("binary")
    rows = table(tmp_path, model.holdout.drop(columns="carrier"))
    with pytest.raises(InvalidData, match="lack the columns carrier"):
        predict(bundle, rows, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_storage_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be written to nowhere://a"):
        BatchStore("nowhere://a")


def test_no_bundle_is_told(tmp_path: Path, made: Bundles) -> None:
    model, bundle = made("binary")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "model.json").write_text("{}")
    with pytest.raises(InvalidBundle):
        predict(tmp_path / "empty", table(tmp_path, model.holdout), tmp_path / "out")
    assert bundle.is_dir()
