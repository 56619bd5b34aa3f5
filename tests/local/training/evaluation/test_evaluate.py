from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headrace.errors import HeadraceError, InvalidBundle, InvalidData, InvalidInput
from headrace.serving.bundle import Bundle, read_bundle
from headrace.training.data.schema import Task
from headrace.training.evaluation.evaluate import Criteria, Evaluation, evaluate
from headrace.training.evaluation.figures import roc_points
from headrace.training.evaluation.page import evaluation_page
from headrace.training.model.fitted import Fitted, write_fitted
from headrace.training.model.recipe import Recipe
from headrace.training.model.train import train
from headrace.training.packaging.package import Release, package
from tests.local.training.tables import TASKS, rows_of, schema_of

DIGEST = "sha256:" + "1" * 64

Judge = Callable[..., Evaluation]


@pytest.fixture(scope="module")
def models() -> dict[Task, Fitted]:
    recipe = Recipe(estimator="linear", folds=1)
    return {task: train(rows_of(task), schema_of(task), recipe, DIGEST).fitted for task in TASKS}


@pytest.fixture(scope="module")
def champions(
    models: dict[Task, Fitted], tmp_path_factory: pytest.TempPathFactory
) -> dict[Task, Bundle]:
    """Package worse models: trees of one level."""
    folder = tmp_path_factory.mktemp("champions")
    recipe = Recipe(estimator="tree", parameters={"max_depth": 1}, folds=1)
    found = {}
    for task in TASKS:
        rows = rows_of(task)
        weak = train(rows, schema_of(task), recipe, DIGEST).fitted
        write_fitted(folder / f"{task}-fitted", weak)
        package(folder / task, Release("m", "1"), folder / f"{task}-fitted", rows, rows)
        found[task] = read_bundle(folder / task)
    return found


def holdout(task: Task, count: int = 400) -> pd.DataFrame:
    return rows_of(task, count, seed=1)


def judged(
    models: dict[Task, Fitted], task: Task, champion: Bundle | None = None, **criteria: Any
) -> Evaluation:
    roles = criteria.pop("roles", {})
    given = Criteria(**{"resamples": 40, **criteria})
    return evaluate(models[task], holdout(task), schema_of(task, **roles), given, champion)


@pytest.mark.parametrize("task", TASKS)
def test_a_model_is_scored_and_shown(models: dict[Task, Fitted], task: Task) -> None:
    found = judged(models, task, segments=("kind", "size"))
    document = json.loads(json.dumps(found.to_document(), allow_nan=False))
    assert document["format"] == "headrace.dev/evaluation/v1"
    assert document["passed"] is True
    for score in document["scores"].values():
        assert set(score) == {"value", "low", "high"}
        assert score["low"] <= score["value"] <= score["high"]
    assert {each["column"] for each in document["segments"]} == {"kind", "size"}
    assert document["importance"][0]["input"] == "size"
    assert sum(each["worst"] for each in document["segments"]) == 1
    assert document["worst_segment"] in document["segments"]
    page = evaluation_page(found, "m 2")
    assert (
        page.count("data:image/png;base64,")
        == {"binary": 5, "multiclass": 2, "regression": 4}[task]
    )
    assert "worst</span>" in page


@pytest.mark.parametrize("task", TASKS)
def test_a_model_is_compared_with_the_champion_on_the_same_rows(
    models: dict[Task, Fitted], champions: dict[Task, Bundle], task: Task
) -> None:
    gates = "champion.p_worse > 0.05 and champion.p_better < 0.01"
    found = judged(models, task, champions[task], gates=gates)
    assert found.passed, found.message()
    assert found.comparison is not None
    assert found.comparison.name == "m 1"
    assert found.comparison.digest == champions[task].digest
    assert found.comparison.difference < 0
    assert "the champion's" in found.message()
    assert "m 1" in evaluation_page(found, "m 2")
    json.dumps(found.to_document(), allow_nan=False)


def test_a_gate_that_does_not_hold_is_told_with_its_number(models: dict[Task, Fitted]) -> None:
    found = judged(models, "binary", gates="auc >= 0.999 and brier < 0.5")
    assert not found.passed
    assert "1 of 2 gates do not hold: auc >= 0.999 (it is 0." in found.message()


@pytest.mark.parametrize("task", TASKS)
def test_the_worst_segment_is_the_one_that_was_spoilt(
    models: dict[Task, Fitted], task: Task
) -> None:
    rows = holdout(task, 600)
    spoilt = (rows["kind"] == "b").to_numpy()
    other = {"yes": "no", "no": "yes", "low": "high", "high": "low", "middle": "low"}
    wrong = rows["y"] + 500 if task == "regression" else rows["y"].map(other)
    rows["y"] = rows["y"].where(~spoilt, wrong)
    given = Criteria(gates="worst.accuracy > 0.9" if task != "regression" else "worst.mae < 1",
                     segments=("kind",), resamples=0)  # fmt: skip
    found = evaluate(models[task], rows, schema_of(task), given)
    assert found.worst is not None
    assert (found.worst.column, found.worst.value) == ("kind", "b")
    assert not found.passed


def test_segments_of_one_label_and_small_ones_are_no_problem(models: dict[Task, Fitted]) -> None:
    rows = holdout("binary")
    rows["part"] = np.where(rows["y"] == "yes", "all yes", "mixed")
    rows.loc[rows.index[:5], "part"] = "few"
    rows.loc[rows.index[5:50], "part"] = None
    found = evaluate(models["binary"], rows, schema_of("binary"), Criteria(segments=("part",)))
    assert [each.value for each in found.segments] == ["(missing)", "all yes", "mixed"]
    assert "auc" not in found.segments[1].scores


@pytest.mark.parametrize("roles", [{"weight": "count"}, {"group": "who"}], ids=["weight", "group"])
@pytest.mark.parametrize("task", TASKS)
def test_weights_and_groups_are_heeded(
    models: dict[Task, Fitted], champions: dict[Task, Bundle], task: Task, roles: dict[str, str]
) -> None:
    plain = judged(models, task, champions[task])
    found = judged(models, task, champions[task], roles=roles)
    assert found.comparison is not None
    assert plain.comparison is not None
    if "weight" in roles:
        assert found.scores != plain.scores
    else:
        assert {n: s.value for n, s in found.scores.items()} == pytest.approx(
            {n: s.value for n, s in plain.scores.items()}
        )
        assert found.comparison.difference == pytest.approx(plain.comparison.difference)


@pytest.mark.parametrize(
    ("change", "criteria", "kind", "says"),
    [
        pytest.param(lambda f: f.head(0), {}, InvalidData, "on one at least", id="no rows"),
        pytest.param(lambda f: f.assign(y="no"), {}, InvalidData, "same label", id="one label"),
        pytest.param(lambda f: f.assign(y=None), {}, InvalidData, "have no y", id="no answers"),
        pytest.param(
            lambda f: f.drop(columns="size"),
            {},
            InvalidData,
            "lack the columns size",
            id="a column less",
        ),
        pytest.param(lambda f: f.assign(size=np.inf), {}, InvalidData, "size holds inf", id="inf"),
        pytest.param(
            None, {"segments": ("colour",)}, InvalidInput, "no columns colour", id="segment"
        ),
        pytest.param(None, {"gates": "joy > 1"}, InvalidInput, "names 'joy'", id="no such score"),
        pytest.param(None, {"threshold": 2.0}, InvalidInput, "threshold is 2", id="threshold"),
        pytest.param(None, {"seed": -1}, InvalidInput, "seed -1", id="a negative seed"),
    ],
)
def test_what_cannot_be_evaluated(
    models: dict[Task, Fitted],
    change: Callable[[pd.DataFrame], pd.DataFrame] | None,
    criteria: dict[str, Any],
    kind: type[HeadraceError],
    says: str,
) -> None:
    rows = holdout("binary")
    with pytest.raises(kind, match=says):
        evaluate(
            models["binary"], change(rows) if change else rows, schema_of("binary"),
            Criteria(**criteria),
        )  # fmt: skip


def test_a_schema_of_another_task_is_refused(models: dict[Task, Fitted]) -> None:
    with pytest.raises(InvalidInput, match="for a binary task with the target y, but the schema"):
        evaluate(models["binary"], holdout("regression"), schema_of("regression"), Criteria())


def test_a_champion_of_another_task_is_refused(
    models: dict[Task, Fitted], champions: dict[Task, Bundle]
) -> None:
    with pytest.raises(
        InvalidBundle, match="m 1 gives a number, but the new model is for a binary"
    ):
        judged(models, "binary", champions["regression"])


def test_a_label_that_the_model_never_saw_is_refused(models: dict[Task, Fitted]) -> None:
    rows = holdout("multiclass").replace({"y": {"low": "lowest"}})
    with pytest.raises(InvalidInput, match="labels lowest, which the model has never seen"):
        evaluate(models["multiclass"], rows, schema_of("multiclass"), Criteria())


def test_unseen_categories_are_answered(models: dict[Task, Fitted]) -> None:
    for task in TASKS:
        rows = holdout(task).assign(kind="new")
        assert evaluate(models[task], rows, schema_of(task), Criteria()).rows == 400


def test_the_points_of_the_roc_curve_are_finite_and_few(models: dict[Task, Fitted]) -> None:
    false, true, thresholds = roc_points(judged(models, "binary").new, most=20)
    assert len(false) == len(true) == len(thresholds) <= 20
    assert np.isfinite([*false, *true, *thresholds]).all()
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)


def test_the_page_escapes_what_the_data_says(models: dict[Task, Fitted], tmp_path: Path) -> None:
    rows = holdout("binary").assign(kind="<script>alert(1)</script>")
    found = evaluate(models["binary"], rows, schema_of("binary"), Criteria(segments=("kind",)))
    page = evaluation_page(found, "<b>m</b>")
    assert "<script>" not in page
    assert "<b>m</b>" not in page
