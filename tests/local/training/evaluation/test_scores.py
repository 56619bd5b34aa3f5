from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from headrace.errors import InvalidData
from headrace.training.evaluation.answered import Answered, answered
from headrace.training.evaluation.champion import compare
from headrace.training.evaluation.intervals import with_intervals
from headrace.training.evaluation.scores import Scorer

RANDOM = np.random.default_rng(0)


def binary(count: int = 400, step: float = 0.0) -> Answered:
    truth = RANDOM.integers(0, 2, count)
    chance = np.clip(0.3 * truth + RANDOM.random(count) * 0.7, 0, 1)
    return answered("binary", truth, np.round(chance / step) * step if step else chance, ("0", "1"))


def several(count: int = 400) -> Answered:
    labels = np.array(["a", "b", "c"])
    chances = RANDOM.dirichlet([1, 1, 1], count)
    truth = np.array([RANDOM.choice(labels, p=each) for each in chances], dtype=object)
    return answered("multiclass", truth, labels[chances.argmax(axis=1)], tuple(labels), chances)


def numbers(count: int = 400) -> Answered:
    truth = RANDOM.normal(size=count)
    return answered("regression", truth, truth + RANDOM.normal(size=count))


@pytest.mark.parametrize("step", [0.0, 0.1], ids=["different", "with ties"])
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_binary_scores_are_those_of_scikit_learn(step: float, weighted: bool) -> None:
    rows = binary(step=step)
    weights = RANDOM.integers(0, 4, len(rows)).astype(float) if weighted else None
    found = Scorer(rows).scores(weights)
    more = {"sample_weight": weights}
    yes = rows.answer > 0.5
    expected = {
        "auc": metrics.roc_auc_score(rows.truth, rows.answer, **more),
        "average_precision": metrics.average_precision_score(rows.truth, rows.answer, **more),
        "log_loss": metrics.log_loss(rows.truth, np.clip(rows.answer, 1e-15, 1 - 1e-15), **more),
        "brier": metrics.brier_score_loss(rows.truth, rows.answer, **more),
        "accuracy": metrics.accuracy_score(rows.truth, yes, **more),
        "precision": metrics.precision_score(rows.truth, yes, **more),
        "recall": metrics.recall_score(rows.truth, yes, **more),
        "f1": metrics.f1_score(rows.truth, yes, **more),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_scores_of_several_labels_are_those_of_scikit_learn(weighted: bool) -> None:
    rows = several()
    weights = RANDOM.random(len(rows)) if weighted else None
    found = Scorer(rows).scores(weights)
    truth, said, more = rows.truth.tolist(), rows.answer.tolist(), {"sample_weight": weights}
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said, **more))
    assert found["balanced_accuracy"] == pytest.approx(
        metrics.balanced_accuracy_score(truth, said, **more)
    )
    assert found["macro_f1"] == pytest.approx(
        metrics.f1_score(truth, said, average="macro", **more)
    )
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, rows.probabilities, **more))
    np.testing.assert_allclose(
        Scorer(rows).confusion(weights), metrics.confusion_matrix(truth, said, **more)
    )


@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_scores_of_numbers_are_those_of_scikit_learn(weighted: bool) -> None:
    rows = numbers()
    weights = RANDOM.random(len(rows)) if weighted else None
    found = Scorer(rows).scores(weights)
    more = {"sample_weight": weights}
    mse = metrics.mean_squared_error(rows.truth, rows.answer, **more)
    assert found["rmse"] == pytest.approx(mse**0.5)
    assert found["mae"] == pytest.approx(
        metrics.mean_absolute_error(rows.truth, rows.answer, **more)
    )
    assert found["r2"] == pytest.approx(metrics.r2_score(rows.truth, rows.answer, **more))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(
        lambda pairs: len({label for label, _ in pairs}) == 2
    )
)
def test_scores_stay_in_their_ranges(pairs: list[tuple[int, float]]) -> None:
    truth, chance = (np.array(each) for each in zip(*pairs, strict=True))
    scorer = Scorer(answered("binary", truth, chance, ("0", "1")))
    found = scorer.scores()
    for name in ("auc", "average_precision", "brier", "accuracy", "calibration_error"):
        assert 0 <= found[name] <= 1 + 1e-12
    assert math.isfinite(found["log_loss"])
    assert scorer.confusion().sum() == len(pairs)
    assert sum(rows for rows, _, _ in scorer.calibration()) == len(pairs)


def test_a_perfect_model_and_its_opposite() -> None:
    truth = np.array([0, 1, 0, 1])
    good = Scorer(answered("binary", truth, truth, ("0", "1"))).scores()
    bad = Scorer(answered("binary", truth, 1 - truth, ("0", "1"))).scores()
    assert (good["auc"], good["brier"], good["f1"]) == (1, 0, 1)
    assert (bad["auc"], bad["brier"], bad["accuracy"]) == (0, 1, 0)
    assert math.isfinite(bad["log_loss"])
    never = Scorer(answered("binary", truth, np.zeros(4), ("0", "1"))).scores()
    assert math.isnan(never["precision"])


@pytest.mark.parametrize(
    ("task", "truth", "answer", "says"),
    [
        pytest.param(
            "binary", [0, 0], [0.1, 0.2], "All 2 rows have the same label", id="one label"
        ),
        pytest.param("binary", [0, 1], [0.1, math.nan], "1 of 2 answers are no prob", id="NaN"),
        pytest.param("binary", [0, 1], [0.1, 1.5], "for example 1.5", id="above one"),
        pytest.param("binary", [0, 1], [0.1], "expected one of each", id="one short"),
        pytest.param("regression", [0.0, 1.0], [1.0, math.inf], "no finite numbers", id="infinite"),
        pytest.param("regression", [], [], "at least one", id="no rows"),
        pytest.param(
            "multiclass", ["a", "a"], ["a", "b"], "same label", id="one of several labels"
        ),
    ],
)
def test_what_cannot_be_scored(
    task: str, truth: list[float], answer: list[float], says: str
) -> None:
    with pytest.raises(InvalidData, match=says):
        answered(task, np.array(truth), np.array(answer), ("0", "1"))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [binary, several, numbers])
def test_intervals_hold_the_score_and_shrink_with_more_rows(make: object) -> None:
    assert callable(make)
    widths = []
    for count in (100, 1600):
        rows = make(count)
        found = with_intervals(Scorer(rows), count, seed=1)
        assert found == with_intervals(Scorer(rows), count, seed=1)
        for name in ("accuracy", "rmse", "auc"):
            if name in found:
                score = found[name]
                assert score.low is not None
                assert score.high is not None
                assert score.low <= score.value <= score.high
                widths.append((name, score.high - score.low))
    names = {name for name, _ in widths}
    for name in names:
        wide, narrow = (width for other, width in widths if other == name)
        assert narrow < 0.6 * wide


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(5)
    covered = 0
    for seed in range(100):
        truth = random.random(300) < 0.7
        rows = answered("multiclass", np.where(truth, "a", "b").astype(object),
                        np.full(300, "a", dtype=object), ("a", "b"))  # fmt: skip
        score = with_intervals(Scorer(rows), 300, seed, resamples=150)["accuracy"]
        assert score.low is not None
        assert score.high is not None
        covered += score.low <= 0.7 <= score.high
    assert 87 <= covered <= 100


def test_rows_of_one_group_are_drawn_together() -> None:
    rows = numbers(400)
    rows.answer[:] = rows.truth + np.repeat(RANDOM.normal(size=20), 20)
    groups = np.repeat(np.arange(20), 20)
    alone = with_intervals(Scorer(rows), 400, 1)["bias"]
    together = with_intervals(Scorer(rows), 400, 1, groups)["bias"]
    assert alone.low is not None
    assert alone.high is not None
    assert together.low is not None
    assert together.high is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize("make", [binary, several, numbers])
def test_a_model_is_not_worse_than_itself(make: object) -> None:
    assert callable(make)
    rows = make()
    found = compare("m 1", "", rows.task, Scorer(rows), Scorer(rows))
    assert (found.difference, found.p_worse, found.p_better) == (0, 1, 1)


@pytest.mark.parametrize("make", [binary, several, numbers])
def test_a_model_that_is_worse_is_found(make: object) -> None:
    assert callable(make)
    good = make()
    worse = good.take(np.arange(len(good)))
    if good.task == "multiclass":
        worse.answer[:100] = "a"
    elif good.task == "binary":
        worse.answer[:100] = 0.5
    else:
        worse.answer[:100] += 5
    found = compare("m 1", "", good.task, Scorer(worse), Scorer(good))
    assert found.difference > 0
    assert found.low < found.difference < found.high
    assert found.p_worse < 0.01 < 0.99 < found.p_better
    back = compare("m 1", "", good.task, Scorer(good), Scorer(worse))
    assert back.p_better == pytest.approx(found.p_worse)


def test_the_paired_test_is_wrong_as_seldom_as_it_says() -> None:
    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        truth = random.normal(size=100)
        both = [answered("regression", truth, truth + random.normal(size=100)) for _ in range(2)]
        new, old = map(Scorer, both)
        alarms += compare("m", "", "regression", new, old).p_worse < 0.05
    assert alarms <= 22
