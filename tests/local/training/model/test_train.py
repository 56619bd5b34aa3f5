from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from headrace.errors import (
    HeadraceError,
    InvalidData,
    InvalidInput,
    PlatformUnavailable,
    SetupError,
)
from headrace.registry import Registry
from headrace.serving.signature import Column
from headrace.training.data.schema import Task
from headrace.training.model.columns import frame_of, inputs_of, request_of
from headrace.training.model.estimators import NAMES, encoding
from headrace.training.model.fitted import read_fitted, write_fitted
from headrace.training.model.recipe import Recipe
from headrace.training.model.search import candidates, folds_of
from headrace.training.model.train import Trained, train
from headrace.training.model.trials import Trials, place_of, read_trials, track, write_trials
from headrace.training.model.tune import trials_page, tune
from tests.local.training.tables import TASKS, rows_of, schema_of

DIGEST = "sha256:" + "1" * 64


def fit(task: Task = "binary", frame: pd.DataFrame | None = None, **recipe: Any) -> Trained:
    roles = recipe.pop("roles", {})
    given = {"estimator": "linear", "folds": 1, **recipe}
    rows = rows_of(task) if frame is None else frame
    return train(rows, schema_of(task, **roles), Recipe(**given), DIGEST)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", sorted(NAMES["binary"]))
def test_every_named_estimator_learns_every_task(tmp_path: Path, name: str, task: Task) -> None:
    parameters = {"max_iter": 20} if name == "gradient_boosting" else {}
    parameters |= {"n_estimators": 10} if name in ("random_forest", "extra_trees") else {}
    trained = fit(task, estimator=name, parameters=parameters, seed=5)
    write_fitted(tmp_path / "model", trained.fitted)
    known = read_fitted(tmp_path / "model")
    description = known.description
    assert description.task == task
    assert [column.name for column in description.inputs] == ["size", "kind", "noise"]
    assert description.inputs[2] == Column("noise", "number", nullable=True)
    assert description.parameters == parameters
    assert (description.seed, description.rows, description.data_digest) == (5, 300, DIGEST)
    assert (
        description.classes
        == {
            "binary": ("no", "yes"),
            "multiclass": ("high", "low", "middle"),
            "regression": (),
        }[task]
    )
    unseen = rows_of(task, 200, seed=1)
    request = request_of(unseen, description.request_columns)
    inputs = frame_of(inputs_of(request, "", description.inputs), description.inputs)
    answers = known.estimator.predict(inputs)
    if task == "regression":
        assert np.abs(answers - unseen["y"]).mean() < 0.7 * unseen["y"].std()
    else:
        truth = unseen["y"] if task == "multiclass" else (unseen["y"] == "yes").astype(int)
        assert (answers == truth).mean() > 0.6
    np.testing.assert_array_equal(answers, trained.fitted.estimator.predict(inputs))


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_the_same_model_and_another_seed_another(task: Task) -> None:
    one, two, other = (
        fit(task, estimator="extra_trees", parameters={"n_estimators": 5}, seed=seed)
        for seed in (1, 1, 2)
    )
    inputs = frame_of(
        request_of(rows_of(task), one.fitted.description.inputs), one.fitted.description.inputs
    )
    answers = [each.fitted.estimator.predict(inputs).tolist() for each in (one, two, other)]
    assert answers[0] == answers[1]
    assert one.best == two.best
    assert one.best.score != other.best.score


def test_the_time_of_the_rows_is_kept_and_their_order_does_not_matter() -> None:
    shuffled = rows_of("binary").sample(frac=1, random_state=3)
    one = fit(roles={"time": "when"})
    two = fit(frame=shuffled, roles={"time": "when"})
    assert one.best == two.best
    assert one.fitted.description.first == "2026-01-01T00:00:00Z"
    assert one.fitted.description.last == "2026-01-13T11:00:00Z"
    assert fit().fitted.description.first is None


SEARCH = {"C": [0.001, 0.1, 1.0, 10.0], "fit_intercept": [True, False]}


@pytest.mark.parametrize(
    ("more", "tried"),
    [
        pytest.param({"strategy": "grid"}, 8, id="grid"),
        pytest.param({"strategy": "random", "trials": 5}, 5, id="random"),
        pytest.param({"strategy": "random", "trials": 50}, 8, id="random of all"),
        pytest.param({"strategy": "halving", "folds": 3}, 8, id="halving"),
    ],
)
def test_a_search_keeps_every_trial_and_takes_the_best(more: Any, tried: int) -> None:
    trained = fit(search=SEARCH, seed=1, **more)
    assert len(trained.trials) == tried
    assert trained.scoring == "neg_log_loss"
    scores = [trial.score for trial in trained.trials if trial.score is not None]
    assert trained.best.score == max(scores)
    chosen = trained.fitted.description.parameters
    assert chosen == trained.best.parameters
    assert chosen["C"] == trained.fitted.estimator[-1].C
    assert fit(search=SEARCH, seed=1, **more).trials == trained.trials


def test_a_search_ends_when_nothing_gets_better() -> None:
    search = {"C": [1.0, *(10.0**-k for k in range(5, 15))]}
    # Sorted as they are given: the first is the best, the others are hopeless.
    trained = fit(search=search, patience=2)
    assert len(trained.trials) == 3
    assert trained.best.parameters == {"C": 1.0}


def test_a_combination_that_cannot_be_fitted_is_told_and_the_others_go_on() -> None:
    trained = fit(search={"C": [-1.0, 1.0]})
    assert [trial.score is None for trial in trained.trials] == [True, False]
    assert "'C' parameter of LogisticRegression" in trained.trials[0].error
    with pytest.raises(InvalidInput, match=r"No combination of parameters can be fitted: .*'C'"):
        fit(search={"C": [-1.0]})


def test_candidates_are_listed_for_one_pod_each() -> None:
    recipe = Recipe(search={"b": [1, 2], "a": ["x"]})
    assert candidates(recipe) == [{"a": "x", "b": 1}, {"a": "x", "b": 2}]
    assert candidates(Recipe()) == [{}]


def test_whole_numbers_that_kfp_made_fractions_are_whole_again() -> None:
    given = {"n_estimators": 5.0, "max_features": 1.0, "max_depth": None}
    trained = fit(estimator="random_forest", parameters=given, search={"min_samples_leaf": [2.0]})
    found = trained.fitted.description.parameters
    assert repr(sorted(found.items())) == (
        "[('max_depth', None), ('max_features', 1.0), ('min_samples_leaf', 2), ('n_estimators', 5)]"
    )
    trees = fit(estimator=f"{HERE}:few_trees", parameters={"count": 3.0}).fitted
    assert len(trees.estimator[-1].estimators_) == 3


def few_trees(count: int) -> RandomForestClassifier:
    return RandomForestClassifier(count, random_state=0)


def rare(task: Task = "binary") -> pd.DataFrame:
    rows = rows_of(task)
    return pd.concat([rows[rows["y"] == "no"], rows[rows["y"] == "yes"].head(20)])


@pytest.mark.parametrize("weight", ["balanced", {"no": 1, "yes": 10}], ids=["balanced", "given"])
def test_class_weights_raise_what_is_rare(weight: Any) -> None:
    frame = rare()
    plain, weighted = fit(frame=frame), fit(frame=frame, class_weight=weight)
    inputs = frame_of(
        request_of(frame, plain.fitted.description.inputs), plain.fitted.description.inputs
    )
    means = [each.fitted.estimator.predict_proba(inputs)[:, 1].mean() for each in (plain, weighted)]
    assert means[1] > 1.5 * means[0]


def test_rows_that_count_more_count_more() -> None:
    rows = rows_of("regression").assign(count=lambda f: np.where(f["kind"] == "a", 1000, 1))
    plain, weighted = fit("regression", rows), fit("regression", rows, roles={"weight": "count"})
    inputs = frame_of(
        request_of(rows, plain.fitted.description.inputs), plain.fitted.description.inputs
    )
    of_a = (rows["kind"] == "a").to_numpy()
    errors = [
        np.abs(each.fitted.estimator.predict(inputs) - rows["y"])[of_a].mean()
        for each in (plain, weighted)
    ]
    assert errors[1] < errors[0]


@pytest.mark.parametrize(
    "roles", [{}, {"time": "when"}, {"group": "who"}], ids=["", "time", "group"]
)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("task", TASKS)
def test_no_fold_leaks(task: Task, count: int, roles: dict[str, Any]) -> None:
    rows = rows_of(task)
    schema = schema_of(task, **roles)
    moments = pd.to_datetime(rows["when"]) if "time" in roles else None
    groups = rows["who"] if "group" in roles else None
    folds = folds_of(schema, rows["y"].to_numpy(), moments, groups, count, seed=0)
    assert len(folds) == count
    for known, unknown in folds:
        assert not set(known) & set(unknown)
        if groups is not None:
            assert not set(groups.iloc[known]) & set(groups.iloc[unknown])
        if moments is not None:
            assert moments.iloc[known].max() < moments.iloc[unknown].min()


def doubled(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Compute a feature, as a user's package would."""
    return {"twice": [2 * value for value in columns["size"]], "kind": list(columns["kind"])}


def short(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {"one": [1.0]}


def forest() -> Pipeline:
    """Build a whole pipeline, as a user's package would."""
    inputs = [Column("size", "number"), Column("kind", "string")]
    return make_pipeline(encoding("binary", inputs, 0), RandomForestClassifier(3, random_state=0))


HERE = "tests.local.training.model.test_train"


def test_a_function_of_the_user_computes_the_inputs() -> None:
    trained = fit(features=f"{HERE}:doubled")
    description = trained.fitted.description
    assert description.inputs == (Column("twice", "number"), Column("kind", "string"))
    assert [column.name for column in description.request_columns] == ["size", "kind", "noise"]
    assert description.features == f"{HERE}:doubled"
    assert fit(features=f"{HERE}:doubled", inputs=("twice",)).fitted.description.inputs == (
        Column("twice", "number"),
    )


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        pytest.param("sklearn.naive_bayes.GaussianNB", {"var_smoothing": 0.1}, id="a class"),
        pytest.param(f"{HERE}:forest", {}, id="a function that gives a pipeline"),
    ],
)
def test_an_estimator_by_its_import_path(estimator: str, parameters: dict[str, Any]) -> None:
    trained = fit(estimator=estimator, parameters=parameters)
    assert trained.fitted.description.estimator == estimator
    assert trained.best.score is not None


CONSTANT = rows_of("binary").assign(noise=1.0)
EMPTY = rows_of("binary").assign(noise=np.nan)


@pytest.mark.parametrize("estimator", ["linear", "gradient_boosting"])
@pytest.mark.parametrize("frame", [CONSTANT, EMPTY], ids=["constant", "without a value"])
def test_a_column_that_says_nothing_is_no_problem(frame: pd.DataFrame, estimator: str) -> None:
    trained = fit(frame=frame, estimator=estimator)
    assert len(trained.fitted.description.inputs) == 3


@pytest.mark.parametrize(
    ("change", "more", "kind", "says"),
    [
        pytest.param(lambda f: f.head(9), {}, InvalidData, "There are 9 rows", id="too few rows"),
        pytest.param(lambda f: f.head(0), {}, InvalidData, "There are 0 rows", id="no rows"),
        pytest.param(
            lambda f: f.assign(y="no"), {}, InvalidData, "have the same y", id="one label"
        ),
        pytest.param(
            lambda f: f.assign(y=list("abc") * 100),
            {},
            InvalidData,
            "the labels a, b, c",
            id="three labels",
        ),
        pytest.param(lambda f: f.assign(y=None), {}, InvalidData, "same y .none", id="no answers"),
        pytest.param(
            lambda f: f.drop(columns="size"),
            {},
            InvalidData,
            "lack the columns size",
            id="a column less",
        ),
        pytest.param(
            lambda f: f.assign(size="big"), {}, InvalidData, "size holds 'big'", id="text"
        ),
        pytest.param(
            lambda f: f.assign(size=[*[1] * 299, "big"]),
            {},
            InvalidData,
            "size holds 'big'; expected numbers",
            id="mixed types",
        ),
        pytest.param(
            lambda f: f.assign(size=np.inf), {}, InvalidData, "size holds inf", id="infinity"
        ),
        pytest.param(
            lambda f: f.assign(y=["no"] * 270 + ["yes"] * 30),
            {"roles": {"time": "when"}},
            InvalidData,
            "learns from has one label",
            id="labels that come late",
        ),
        pytest.param(None, {"folds": 200}, InvalidData, "too few for 200 folds", id="many folds"),
        pytest.param(
            None,
            {"estimator": "magic"},
            InvalidInput,
            "no estimator 'magic'. Expected one",
            id="an unknown name",
        ),
        pytest.param(
            None,
            {"estimator": "sklearn.svm.Magic"},
            InvalidInput,
            "cannot be imported",
            id="an unknown class",
        ),
        pytest.param(
            None, {"estimator": "json:loads"}, InvalidInput, "does not take", id="no class"
        ),
        pytest.param(
            None, {"estimator": "builtins.dict"}, InvalidInput, "is no estimator", id="a dict"
        ),
        pytest.param(
            None,
            {"estimator": "sklearn.svm.LinearSVC"},
            InvalidInput,
            "no probabilities",
            id="no probabilities",
        ),
        pytest.param(
            None,
            {"parameters": {"depth": 3}},
            InvalidInput,
            "does not take depth",
            id="an unknown parameter",
        ),
        pytest.param(
            None, {"parameters": {"C": -1}}, InvalidInput, "'C' parameter", id="out of range"
        ),
        pytest.param(
            None,
            {"search": {"depth": [3]}},
            InvalidInput,
            "no parameters depth",
            id="an unknown parameter to search",
        ),
        pytest.param(
            None, {"search": {"C": "abc"}}, InvalidInput, "search.C is 'abc'", id="no list"
        ),
        pytest.param(None, {"search": {"C": []}}, InvalidInput, "search.C is", id="an empty list"),
        pytest.param(None, {"scoring": "joy"}, InvalidInput, "no scorer 'joy'", id="no scorer"),
        pytest.param(
            None, {"strategy": "luck"}, InvalidInput, "strategy is 'luck'", id="no strategy"
        ),
        pytest.param(
            None,
            {"folds": 0, "seed": -1},
            InvalidInput,
            "folds is 0.*; seed is -1",
            id="two problems",
        ),
        pytest.param(
            None,
            {"class_weight": {"yes": 1}},
            InvalidInput,
            "each of the labels no, yes",
            id="a weight missing",
        ),
        pytest.param(
            None,
            {"class_weight": "heavy"},
            InvalidInput,
            "class_weight is 'heavy'",
            id="no weights",
        ),
        pytest.param(
            None,
            {"class_weight": "balanced", "estimator": "sklearn.neighbors.KNeighborsClassifier"},
            InvalidInput,
            "takes no weights",
            id="an estimator without weights",
        ),
        pytest.param(
            None,
            {"features": "headrace.none:f"},
            InvalidInput,
            "cannot be imported",
            id="no features",
        ),
        pytest.param(
            None,
            {"features": f"{HERE}:short"},
            InvalidInput,
            "1 values of one for 300",
            id="too few features",
        ),
        pytest.param(
            None,
            {"inputs": ("colour",)},
            InvalidInput,
            "inputs colour are none",
            id="an unknown input",
        ),
        pytest.param(
            None, {"cluster": "host:1"}, InvalidInput, "cluster is 'host:1'", id="no cluster"
        ),
        pytest.param(
            None,
            {"cluster": "ray://127.0.0.1:1"},
            SetupError,
            "pip install ray",
            id="no client for the cluster",
        ),
    ],
)
def test_what_cannot_be_trained(
    change: Callable[[pd.DataFrame], pd.DataFrame] | None,
    more: dict[str, Any],
    kind: type[HeadraceError],
    says: str,
) -> None:
    frame = rows_of("binary")
    with pytest.raises(kind, match=says):
        fit(frame=change(frame) if change else frame, **more)


def test_an_instant_is_no_input_of_a_model() -> None:
    schema = schema_of("binary")
    columns = tuple(
        column.model_copy(update={"request": True}) if column.name == "when" else column
        for column in schema.columns
    )
    schema = schema.model_copy(update={"columns": columns})
    with pytest.raises(InvalidInput, match="when is an instant, which no model reads"):
        train(rows_of("binary"), schema, Recipe(), DIGEST)


@pytest.mark.timeout(900)  # the worker imports everything anew
def test_a_search_on_dask_gives_the_same_trials() -> None:
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1,
        threads_per_worker=2,
        dashboard_address=None,
        protocol="tcp",
        host="127.0.0.1",
    ) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        there = fit(search=SEARCH, cluster=address)
    assert there.trials == fit(search=SEARCH).trials


def test_a_cluster_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.training.model.workers.CONNECT_SECONDS", 0.5)
    with pytest.raises(PlatformUnavailable, match=r"tcp://127\.0\.0\.1:1 does not answer"):
        fit(search=SEARCH, cluster="dask://127.0.0.1:1")


def stored(folder: Path, trained: Trained) -> Path:
    write_fitted(folder, trained.fitted)
    table = Trials(trained.scoring, trained.trials, place_of(trained.trials, trained.best))
    write_trials(folder, table)
    return folder


def test_a_run_is_tracked_with_its_table(tmp_path: Path) -> None:
    trained = fit(search={"C": [0.1, 1.0]})
    table = Trials(trained.scoring, trained.trials, place_of(trained.trials, trained.best))
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    run = track(uri, "delay", trained.fitted.description, table)
    found = Registry(uri)._client.get_run(run)
    assert found.data.params["estimator"] == "sklearn.linear_model.LogisticRegression"
    assert found.data.params["C"] == str(trained.best.parameters["C"])
    assert found.data.metrics["validation_neg_log_loss"] == pytest.approx(trained.best.score)
    assert found.data.tags["data-digest"] == DIGEST
    assert found.info.status == "FINISHED"


@pytest.mark.parametrize("task", TASKS)
def test_the_best_of_a_fan_out_is_handed_on_with_all_trials(tmp_path: Path, task: Task) -> None:
    depths = (1, 8, 2)
    models = [
        stored(tmp_path / f"m{depth}", fit(task, estimator="tree", parameters={"max_depth": depth}))
        for depth in depths
    ]
    scores = [read_trials(model).trials[0].score for model in models]
    tuned = tune(models, tmp_path / "winner")
    assert tuned.score == max(score for score in scores if score is not None)
    assert tuned.place == scores.index(tuned.score)
    assert read_fitted(tmp_path / "winner").description.parameters == {
        "max_depth": depths[tuned.place]
    }
    assert [trial.score for trial in read_trials(tmp_path / "winner").trials] == scores
    page = trials_page(tuned.trials)
    assert page.count("chosen") == 1
    assert "3 combinations" in page


def test_models_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    one = fit()
    other = dataclasses.replace(
        one.fitted,
        description=dataclasses.replace(one.fitted.description, data_digest="sha256:" + "2" * 64),
    )
    first = stored(tmp_path / "a", one)
    second = stored(tmp_path / "b", dataclasses.replace(one, fitted=other))
    third = stored(tmp_path / "c", fit(scoring="roc_auc"))
    with pytest.raises(InvalidInput, match="fitted on data sha256:1"):
        tune([first, second], tmp_path / "winner")
    with pytest.raises(InvalidInput, match="scored by neg_log_loss and roc_auc"):
        tune([first, third], tmp_path / "winner")
    with pytest.raises(InvalidInput, match="no models to choose from"):
        tune([], tmp_path / "winner")


@pytest.mark.parametrize("change", [{"best": 7}, {"trials": 5}, {"format": "v0"}])
def test_a_broken_table_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = stored(tmp_path / "m", fit())
    file = folder / "trials.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(HeadraceError, match=r"trials\.json"):
        tune([folder], tmp_path / "winner")
