from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headrace.errors import Conflict, InvalidBundle, InvalidData
from headrace.serving.bundle import read_bundle
from headrace.serving.reference import Categories, Histogram
from headrace.training.features import REQUEST_COLUMNS
from headrace.training.flights import feature_set
from headrace.training.inputs import model_inputs
from headrace.training.onnx_export import to_onnx
from headrace.training.onnx_model import probabilities
from headrace.training.package import (
    LARGEST_DIFFERENCE,
    Release,
    largest_difference,
    package,
    requests,
)
from headrace.training.sample import sample_flights
from headrace.training.train import train

from .conftest import Fitted

RELEASE = Release("flight-delay", "7", {"feature_set": "schedule-and-weather"})


def packaged(fitted: Fitted, target: Path) -> str:
    split = fitted.split
    return package(
        target, RELEASE, fitted.trained.pipeline, fitted.features, split.train, split.holdout
    )


def test_a_bundle_says_what_it_is(fitted: Fitted, tmp_path: Path) -> None:
    bundle = read_bundle(tmp_path / "b", packaged(fitted, tmp_path / "b"))
    signature = bundle.signature
    assert (signature.name, signature.version, signature.runtime) == ("flight-delay", "7", "onnx")
    assert signature.inputs == fitted.features.inputs
    assert {c.name for c in signature.inputs if c.nullable} >= {"temp", "pressure"}
    assert (signature.output.name, signature.output.threshold) == ("late", 0.5)
    assert signature.metadata == {"feature_set": "schedule-and-weather"}
    assert f"{len(fitted.split.train)} flights" in bundle.card


def test_the_same_inputs_give_the_same_digest(fitted: Fitted, tmp_path: Path) -> None:
    assert packaged(fitted, tmp_path / "a") == packaged(fitted, tmp_path / "b")


def test_a_bundle_is_never_written_over_another(fitted: Fitted, tmp_path: Path) -> None:
    packaged(fitted, tmp_path / "b")
    with pytest.raises(Conflict):
        packaged(fitted, tmp_path / "b")


def test_the_reference_counts_all_training_rows(fitted: Fitted, tmp_path: Path) -> None:
    packaged(fitted, tmp_path / "b")
    reference = read_bundle(tmp_path / "b").reference
    rows = len(fitted.split.train)
    assert set(reference.features) == {column.name for column in fitted.features.inputs}
    for each in reference.features.values():
        if isinstance(each, Categories):
            assert sum(each.counts.values()) == rows
        else:
            assert sum(each.counts) + each.missing == rows
    assert isinstance(reference.prediction, Histogram)
    assert sum(reference.prediction.counts) == len(fitted.split.holdout)


def test_examples_are_requests_with_the_usual_ones_first(fitted: Fitted, tmp_path: Path) -> None:
    packaged(fitted, tmp_path / "b")
    examples = read_bundle(tmp_path / "b").examples
    assert len(examples) == 100
    assert {tuple(example) for example in examples} == {tuple(c.name for c in REQUEST_COLUMNS)}
    carriers = [example["carrier"] for example in examples]
    assert "VX" in carriers
    assert "VX" not in carriers[:20]


def test_a_request_has_null_for_a_missing_reading() -> None:
    rows = sample_flights(200)
    missing = rows["pressure"].isna().to_numpy().nonzero()[0][0]
    request = requests(rows)[missing]
    assert request["pressure"] is None
    assert json.loads(json.dumps(request, allow_nan=False)) == request
    assert isinstance(request["distance"], int)


@pytest.mark.parametrize("name", ["schedule", "schedule-and-weather"])
def test_onnx_answers_as_scikit_learn_does(fitted: Fitted, name: str) -> None:
    features = feature_set(name)
    pipeline = train(fitted.split.train, features).pipeline
    inputs = model_inputs(fitted.split.holdout, features)
    model = to_onnx(pipeline, features.inputs)
    assert largest_difference(pipeline, model, features, inputs) <= LARGEST_DIFFERENCE


def test_an_unknown_carrier_and_missing_weather_get_an_answer(fitted: Fitted) -> None:
    pipeline, features = fitted.trained.pipeline, fitted.features
    row = model_inputs(fitted.rows.head(1), features)
    row["carrier"] = "??"
    row["temp"] = np.float32("nan")
    answer = probabilities(to_onnx(pipeline, features.inputs), features.inputs, row)
    assert answer == pytest.approx(pipeline.predict_proba(row)[:, 1], abs=LARGEST_DIFFERENCE)


def test_a_model_that_answers_otherwise_is_not_packaged(fitted: Fitted) -> None:
    features = fitted.features
    other = train(sample_flights(500, seed=9), features).pipeline
    inputs = model_inputs(fitted.split.holdout, features)
    with pytest.raises(InvalidBundle, match="ONNX and scikit-learn differ by up to"):
        largest_difference(
            fitted.trained.pipeline, to_onnx(other, features.inputs), features, inputs
        )


def test_bytes_that_are_no_model_are_refused(fitted: Fitted) -> None:
    inputs = model_inputs(fitted.rows.head(1), fitted.features)
    with pytest.raises(InvalidBundle, match="does not run"):
        probabilities(b"no model", fitted.features.inputs, inputs)


def test_a_holdout_of_a_few_flights_is_refused(fitted: Fitted, tmp_path: Path) -> None:
    split = fitted.split
    with pytest.raises(InvalidData, match="holdout has 99 rows; expected at least 100"):
        package(
            tmp_path / "b",
            RELEASE,
            fitted.trained.pipeline,
            fitted.features,
            split.train,
            split.holdout.head(99),
        )
    assert not (tmp_path / "b").exists()
