from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from headrace.errors import InvalidData
from headrace.training.features import compute_features
from headrace.training.flights import REQUEST, feature_set
from headrace.training.inputs import model_inputs
from headrace.training.model_file import read_model, write_model
from headrace.training.sample import sample_flights
from headrace.training.train import GRID, train

from .conftest import Fitted


def test_every_point_of_the_grid_is_tried_and_the_best_is_taken(fitted: Fitted) -> None:
    trials = fitted.trained.trials
    assert len(trials) == np.prod([len(values) for values in GRID.values()])
    assert fitted.trained.best == min(trials, key=lambda trial: trial.log_loss).parameters


def test_the_same_flights_give_the_same_model(fitted: Fitted) -> None:
    again = train(fitted.split.train, fitted.features)
    inputs = model_inputs(fitted.split.holdout, fitted.features)
    assert np.array_equal(
        again.pipeline.predict_proba(inputs), fitted.trained.pipeline.predict_proba(inputs)
    )


def test_the_last_rows_do_not_touch_the_choice_of_earlier_ones(fitted: Fitted) -> None:
    # The grid is judged on the last fifth: with other answers there, its losses differ.
    flipped = fitted.split.train.copy()
    cut = int(len(flipped) * 0.8)
    flipped.loc[flipped.index[cut:], "late"] = 1 - flipped["late"].iloc[cut:]
    losses = [trial.log_loss for trial in train(flipped, fitted.features).trials]
    assert all(new > old.log_loss for new, old in zip(losses, fitted.trained.trials, strict=True))


@pytest.mark.parametrize(
    "part", [pytest.param(slice(0, 400), id="first"), pytest.param(slice(400, 500), id="last")]
)
def test_flights_of_one_kind_cannot_be_learned_from(part: slice) -> None:
    rows = sample_flights(500)
    rows.loc[rows.index[part], "late"] = 0
    with pytest.raises(InvalidData, match="flights of one kind only"):
        train(rows, feature_set("schedule"))


def test_a_row_in_the_data_set_and_in_a_request_gives_the_same_inputs(fitted: Fitted) -> None:
    rows = fitted.rows.head(50)
    together = model_inputs(rows, fitted.features)
    for index in range(len(rows)):
        alone = compute_features({name: [rows[name].iloc[index]] for name in REQUEST})
        for column in fitted.features.inputs:
            expected = together[column.name].iloc[index]
            if column.type == "number":
                assert np.float32(alone[column.name][0]) == expected or np.isnan(expected)
            else:
                assert alone[column.name][0] == expected


def test_rows_without_a_request_column_are_refused(fitted: Fitted) -> None:
    with pytest.raises(InvalidData, match="lack the columns carrier, temp"):
        model_inputs(fitted.rows.drop(columns=["carrier", "temp"]), fitted.features)


def test_a_stored_model_answers_as_before(fitted: Fitted, tmp_path: Path) -> None:
    write_model(tmp_path / "deep" / "model", fitted.trained.pipeline)
    inputs = model_inputs(fitted.split.holdout, fitted.features)
    assert np.array_equal(
        read_model(tmp_path / "deep" / "model").predict_proba(inputs),
        fitted.trained.pipeline.predict_proba(inputs),
    )


class Foreign(LogisticRegression):  # type: ignore[misc]
    pass


def test_types_that_training_never_writes_are_not_loaded(tmp_path: Path) -> None:
    skops.io.dump(Pipeline([("classify", Foreign())]), tmp_path / "model")
    with pytest.raises(InvalidData, match="types that training never writes"):
        read_model(tmp_path / "model")


def test_a_model_that_is_no_pipeline_is_refused(tmp_path: Path) -> None:
    skops.io.dump(LogisticRegression(), tmp_path / "model")
    with pytest.raises(InvalidData, match="holds a LogisticRegression; expected a Pipeline"):
        read_model(tmp_path / "model")


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(b"\x80\x04K\x01.", id="a pickle")]
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(InvalidData, match="cannot be read as a skops model"):
        read_model(tmp_path / "model")


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="cannot be read"):
        read_model(tmp_path / "model")
