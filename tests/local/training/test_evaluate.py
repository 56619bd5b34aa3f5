from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidBundle, InvalidData, InvalidInput
from headrace.serving.bundle import Column, read_bundle
from headrace.training.evaluate import TOLERANCE, evaluate, judge
from headrace.training.package import Release, package
from headrace.training.scores import Scores, score

from .conftest import Fitted


def scores(auc: float = 0.7, brier: float = 0.2) -> Scores:
    return Scores(1000, 0.2, auc, 0.5, brier, ())


@pytest.mark.parametrize(
    ("new", "champion", "passed", "says"),
    [
        pytest.param(scores(), None, True, "no champion", id="the first model"),
        pytest.param(scores(auc=0.6), None, True, "reaches the floor of 0.6", id="on the floor"),
        pytest.param(scores(auc=0.59), None, False, "0.590 on 1000 flights is below", id="below"),
        pytest.param(
            scores(brier=0.19), scores(), True, "0.1900 against 0.2000", id="better than the users'"
        ),
        pytest.param(scores(brier=0.2 + TOLERANCE), scores(), True, "no worse", id="a hair worse"),
        pytest.param(
            scores(brier=0.21), scores(), False, "worse than the champion's", id="clearly worse"
        ),
        pytest.param(
            scores(auc=0.59, brier=0.1), scores(), False, "below the floor", id="floor comes first"
        ),
    ],
)
def test_the_judgement(new: Scores, champion: Scores | None, passed: bool, says: str) -> None:
    verdict, message = judge(new, champion, 0.6)
    assert verdict is passed
    assert says in message


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(
        lambda pairs: len({label for label, _ in pairs}) == 2
    )
)
def test_scores_stay_in_their_ranges(pairs: list[tuple[int, float]]) -> None:
    labels, predictions = map(np.array, zip(*pairs, strict=True))
    result = score(labels, predictions.astype(float))
    assert 0 <= result.auc <= 1
    assert 0 <= result.brier <= 1
    assert 0 <= result.calibration_error <= 1
    assert sum(each.rows for each in result.calibration) == result.rows == len(pairs)


def test_a_perfect_model_and_its_opposite() -> None:
    labels = np.array([0, 1, 0, 1])
    assert score(labels, labels.astype(float)).brier == 0
    assert score(labels, labels.astype(float)).auc == 1
    assert score(labels, 1.0 - labels).auc == 0


@pytest.mark.parametrize(
    ("labels", "predictions", "says"),
    [
        pytest.param([0, 0], [0.1, 0.2], "All 2 answers are the same", id="one kind"),
        pytest.param([0, 1], [0.1, float("nan")], "1 of 2 predictions are no prob", id="NaN"),
        pytest.param([0, 1], [0.1, 1.5], "for example 1.5", id="above one"),
        pytest.param([0, 1], [0.1], r"\(2,\) answers and \(1,\) predictions", id="one short"),
    ],
)
def test_what_cannot_be_scored(labels: list[int], predictions: list[float], says: str) -> None:
    with pytest.raises(InvalidData, match=says):
        score(np.array(labels), np.array(predictions))


def test_a_model_beside_the_champion_on_the_same_flights(fitted: Fitted, tmp_path: Path) -> None:
    split, pipeline = fitted.split, fitted.trained.pipeline
    release = Release("flight-delay", "1", {})
    package(tmp_path / "b", release, pipeline, fitted.features, split.train, split.holdout)
    champion = read_bundle(tmp_path / "b")
    result = evaluate(pipeline, fitted.features, split.holdout, 0.5, champion)
    assert result.champion is not None
    # It is the same model, once as scikit-learn and once as ONNX.
    assert result.scores.brier == pytest.approx(result.champion.brier, abs=1e-6)
    assert result.passed
    assert json.loads(json.dumps(result.to_document(), allow_nan=False))["passed"] is True


def test_a_floor_that_is_none_is_refused(fitted: Fitted) -> None:
    with pytest.raises(InvalidInput, match="minimum_auc is 60"):
        evaluate(fitted.trained.pipeline, fitted.features, fitted.split.holdout, 60)


def test_a_champion_that_reads_what_flights_lack_is_refused(fitted: Fitted, tmp_path: Path) -> None:
    split, pipeline = fitted.split, fitted.trained.pipeline
    release = Release("flight-delay", "1", {})
    package(tmp_path / "b", release, pipeline, fitted.features, split.train, split.holdout)
    champion = read_bundle(tmp_path / "b")
    inputs = (*champion.signature.inputs, Column("crew", "string"))
    signature = dataclasses.replace(champion.signature, inputs=inputs)
    with pytest.raises(InvalidBundle, match="flight-delay 1 reads crew, which is none"):
        evaluate(
            pipeline,
            fitted.features,
            split.holdout,
            0.5,
            dataclasses.replace(champion, signature=signature),
        )
