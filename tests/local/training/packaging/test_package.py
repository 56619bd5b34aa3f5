from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from headrace.errors import Conflict, InvalidBundle, InvalidData, InvalidInput, NotFound
from headrace.serving.bundle import read_bundle
from headrace.serving.model import ServedModel
from headrace.serving.reference import Categories, Histogram
from headrace.serving.signature import Column
from headrace.training.data.schema import Task
from headrace.training.packaging.card import read_card
from headrace.training.packaging.export import same_bytes
from headrace.training.packaging.package import Packaged, Release, package
from headrace.training.packaging.parity import answers, require_parity
from tests.local.training.packaging.models import (
    DIGEST,
    EVALUATION,
    INPUTS,
    REQUEST,
    TASKS,
    Made,
    hours,
    make,
)

Bundles = Callable[[Task], tuple[Path, Packaged]]
ABOUT = {"summary": "Will it be late?", "owner": "flights team", "licence": "CC0"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Task], Made]:
    models: dict[Task, Made] = {}

    def of(task: Task) -> Made:
        if task not in models:
            models[task] = make(tmp_path_factory.mktemp(task), task)
        return models[task]

    return of


@pytest.fixture(scope="module")
def bundle_of(
    made: Callable[[Task], Made], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Task], tuple[Path, Packaged]]:
    """Package each model once; no test changes the files."""
    bundles: dict[Task, tuple[Path, Packaged]] = {}

    def of(task: Task) -> tuple[Path, Packaged]:
        if task not in bundles:
            target = tmp_path_factory.mktemp("bundles") / task
            bundles[task] = target, packaged(made(task), target)
        return bundles[task]

    return of


def packaged(made: Made, target: Path, **release: Any) -> Packaged:
    named = Release(**({"name": "flights", "version": "1", "about": ABOUT} | release))
    return package(target, named, made.path, made.train, made.holdout, EVALUATION)


def encoded(model: Any) -> Pipeline:
    encode = ColumnTransformer(
        [
            ("texts", TargetEncoder(cv=3), ["carrier"]),
            ("numbers", SimpleImputer(strategy="median"), ["distance", "hour"]),
        ]
    )
    return Pipeline([("encode", encode), ("model", model)])


@pytest.mark.parametrize("task", TASKS)
def test_a_bundle_answers_requests_as_the_fitted_model_does(
    made: Callable[[Task], Made], bundle_of: Bundles, task: Task
) -> None:
    model = made(task)
    path, told = bundle_of(task)
    bundle = read_bundle(path, told.digest)
    kinds = {"binary": "probability", "multiclass": "label", "regression": "number"}
    assert bundle.signature.output.kind == kinds[task]
    assert bundle.signature.output.threshold == (0.5 if task == "binary" else None)
    served = ServedModel(bundle, transform=hours, request_columns=REQUEST)
    names = [column.name for column in REQUEST]
    rows = [[example[name] for name in names] for example in bundle.examples]
    reply = served.predict(json.dumps({"data": {"names": names, "ndarray": rows}}).encode())
    assert reply.code == 200
    data: Any = reply.document["data"]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    expected = answers(model.fitted, hours(columns))
    found = [each[0] for each in data["ndarray"]]
    if task == "multiclass":
        assert found == list(expected)
    else:
        assert found == pytest.approx(list(expected), abs=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_model_gives_the_same_digest(
    bundle_of: Bundles, tmp_path: Path, task: Task
) -> None:
    _, first = bundle_of(task)
    again = make(tmp_path / "again", task)  # another fit: other addresses, other dates
    assert packaged(again, tmp_path / "two").digest == first.digest


@pytest.mark.parametrize("task", TASKS)
def test_a_bundle_leads_back_to_its_data_code_and_run(bundle_of: Bundles, task: Task) -> None:
    path, _ = bundle_of(task)
    metadata = read_bundle(path).signature.metadata
    assert metadata["data-digest"] == DIGEST
    assert metadata["code-commit"] == "c" * 40
    assert metadata["run"] == "0123456789abcdef"
    assert metadata["software-scikit-learn"] == "1.9.0"
    assert metadata["evaluation"].startswith("sha256:")
    assert metadata["rows"] == "400"


@pytest.mark.parametrize("task", TASKS)
def test_the_estimator_is_beside_it_and_is_no_pickle(
    made: Callable[[Task], Made], bundle_of: Bundles, task: Task
) -> None:
    model = made(task)
    path, _ = bundle_of(task)
    file = path / "estimator.skops"
    trusted = skops.io.get_untrusted_types(file=file)
    loaded = skops.io.load(file, trusted=trusted)
    frame = pd.DataFrame({"distance": [500.0, 900.0], "hour": [3.0, 7.5], "carrier": ["AA", ""]})
    found, expected = loaded.predict(frame), model.fitted.estimator.predict(frame)
    assert list(found) == list(expected)
    names = {each.name for each in (path).iterdir()}
    assert names == {
        *("model.onnx", "model.json", "reference.json", "examples.jsonl", "README.md"),
        *("estimator.skops", "fitted.json", "card.json", "card.html", "digests.json"),
        "linear.json",
    }
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]


def test_the_order_of_an_onnx_model_s_domains_is_no_difference() -> None:
    domains = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("ai.onnx.ml", 1)]
    graph = onnx.helper.make_graph([], "model", [], [])
    both = [
        onnx.helper.make_model(graph, opset_imports=imports) for imports in (domains, domains[::-1])
    ]
    assert both[0].SerializeToString() != both[1].SerializeToString()
    assert same_bytes(both[0]) == same_bytes(both[1])


def test_every_file_has_its_digest(bundle_of: Bundles) -> None:
    path, _ = bundle_of("binary")
    document = json.loads((path / "digests.json").read_text())
    assert "model.onnx" in document
    for name, digest in document.items():
        content = (path / name).read_bytes()
        assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("task", TASKS)
def test_the_reference_describes_inputs_and_predictions(bundle_of: Bundles, task: Task) -> None:
    path, _ = bundle_of(task)
    reference = read_bundle(path).reference
    distance, carrier = reference.features["distance"], reference.features["carrier"]
    assert isinstance(distance, Histogram)
    assert distance.missing > 0
    assert isinstance(carrier, Categories)
    assert carrier.counts["missing"] == 1
    assert isinstance(reference.prediction, Categories if task == "multiclass" else Histogram)


@pytest.mark.parametrize("task", TASKS)
def test_the_card_tells_people_what_they_need(bundle_of: Bundles, task: Task) -> None:
    path, told = bundle_of(task)
    card = told.card
    assert read_card((path / "card.json").read_bytes()) == card
    assert card.about == ABOUT
    text = (path / "README.md").read_text()
    page = (path / "card.html").read_text()
    for said in ("flights team", "CC0", "0.88 to 0.93", DIGEST, "400 rows", "distance"):
        assert said in text
        assert said in page
    assert "<table>" in page


def test_hostile_texts_of_a_card_are_shown_and_not_run(
    made: Callable[[Task], Made], tmp_path: Path
) -> None:
    about = {"owner": "<script>alert(1)</script>", "summary": "[x](javascript:alert(1))"}
    packaged(made("binary"), tmp_path / "bundle", about=about, name="a|b<i>")
    page = (tmp_path / "bundle" / "card.html").read_text()
    assert "<script>" not in page
    assert 'href="javascript' not in page
    assert "<i>" not in page


@pytest.mark.parametrize(
    ("task", "model"),
    [
        pytest.param("binary", HistGradientBoostingClassifier(max_iter=20), id="boosted yes or no"),
        pytest.param("binary", RandomForestClassifier(20, random_state=1), id="a forest"),
        pytest.param("multiclass", HistGradientBoostingClassifier(max_iter=9), id="boosted labels"),
        pytest.param("multiclass", GradientBoostingClassifier(n_estimators=9), id="labels of text"),
        pytest.param("regression", HistGradientBoostingRegressor(max_iter=20), id="boosted"),
        pytest.param("regression", RandomForestRegressor(20, random_state=1), id="forest of means"),
    ],
)
def test_other_estimators(tmp_path: Path, task: Task, model: Any) -> None:
    estimator = encoded(model)
    if task == "multiclass":
        estimator = Pipeline(
            [
                (
                    "encode",
                    ColumnTransformer(
                        [
                            ("texts", OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
                            ("numbers", SimpleImputer(), ["distance", "hour"]),
                        ],
                        sparse_threshold=0.0,
                    ),
                ),
                ("model", model),
            ]
        )
    packaged(make(tmp_path, task, estimator), tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").signature.runtime == "onnx"


def test_a_model_of_numbers_alone_needs_no_column_transformer(tmp_path: Path) -> None:
    numbers = tuple(column for column in INPUTS if column.type == "number")
    estimator = make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression())
    model = make(tmp_path, "regression", estimator, inputs=numbers)
    packaged(model, tmp_path / "bundle")
    weights = json.loads((tmp_path / "bundle" / "linear.json").read_text())
    assert weights["link"] == "identity"
    (answer,) = weights["answers"]
    assert list(answer["weights"]) == ["distance", "hour"]
    assert answer["intercept"] == pytest.approx(float(model.fitted.estimator[-1].intercept_))


def test_the_weights_of_a_linear_model_give_its_answers(
    made: Callable[[Task], Made], bundle_of: Bundles
) -> None:
    model = made("multiclass")
    path, _ = bundle_of("multiclass")
    document = json.loads((path / "linear.json").read_text())
    assert [each["answer"] for each in document["answers"]] == list(
        model.fitted.description.classes
    )
    assert document["link"] == "logit"


def test_an_estimator_that_onnx_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    model = make(tmp_path, "regression", encoded(KernelRidge()))
    with pytest.raises(InvalidBundle, match=r"cannot be converted to ONNX: .*KernelRidge"):
        packaged(model, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("task", TASKS)
def test_a_model_that_answers_otherwise_is_refused(
    made: Callable[[Task], Made], bundle_of: Bundles, tmp_path: Path, task: Task
) -> None:
    model = made(task)
    path, told = bundle_of(task)
    bundle = read_bundle(path, told.digest)
    other = make(
        tmp_path, task, encoded(DummyRegressor() if task == "regression" else DummyClassifier())
    )
    columns = hours({c.name: [example[c.name] for example in bundle.examples] for c in REQUEST})
    assert require_parity(model.fitted, bundle.signature, bundle.model, columns) < 1e-4
    with pytest.raises(InvalidBundle, match="ONNX and scikit-learn differ by up to"):
        require_parity(other.fitted, bundle.signature, bundle.model, columns)


def test_a_retry_finds_its_own_bundle(made: Callable[[Task], Made], tmp_path: Path) -> None:
    first = packaged(made("binary"), tmp_path / "bundle")
    assert packaged(made("binary"), tmp_path / "bundle") == first
    with pytest.raises(Conflict):
        packaged(made("binary"), tmp_path / "bundle", version="2")


@pytest.mark.parametrize("part", ["train", "holdout"])
def test_data_without_rows_is_refused(
    made: Callable[[Task], Made], tmp_path: Path, part: str
) -> None:
    model = made("binary")
    rows = {"train": model.train, "holdout": model.holdout}
    rows[part] = rows[part].head(0)
    with pytest.raises(InvalidData, match="has no rows"):
        package(tmp_path / "b", Release("a", "1"), model.path, rows["train"], rows["holdout"])


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        pytest.param({"column": None}, InvalidData, "lack the columns minute", id="no column"),
        pytest.param({"value": np.inf}, InvalidData, "no request can carry", id="infinite"),
        pytest.param({"value": "soon"}, InvalidData, "expected numbers", id="a text as number"),
    ],
)
def test_rows_that_no_request_could_carry_are_refused(
    made: Callable[[Task], Made],
    tmp_path: Path,
    change: dict[str, Any],
    error: type[Exception],
    says: str,
) -> None:
    model = made("binary")
    holdout = model.holdout.astype({"minute": object})
    if "column" in change:
        holdout = holdout.drop(columns="minute")
    else:
        holdout.loc[5, "minute"] = change["value"]
    with pytest.raises(error, match=says):
        package(tmp_path / "b", Release("a", "1"), model.path, model.train, holdout)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ("nowhere.at:all", "cannot be imported"),
        ("json:nothing", "cannot be imported"),
        ("json", "expected package.module:function"),
        (f"{__name__}:nothing_new", "does not give the inputs hour"),
    ],
)
def test_features_that_cannot_be_computed_are_refused(
    tmp_path: Path, features: str, says: str
) -> None:
    model = make(tmp_path, "binary")
    description = json.loads((model.path / "fitted.json").read_text()) | {"features": features}
    (model.path / "fitted.json").write_text(json.dumps(description))
    with pytest.raises(InvalidInput, match=says):
        packaged(model, tmp_path / "bundle")


def nothing_new(columns: Any) -> Any:
    return columns


def test_a_column_that_is_constant_and_a_row_alone(tmp_path: Path) -> None:
    model = make(tmp_path, "regression")
    holdout = model.holdout.head(1)
    package(tmp_path / "bundle", Release("a", "1"), model.path, model.train, holdout)
    assert len(read_bundle(tmp_path / "bundle").examples) == 1


def test_no_fitted_model_is_told(tmp_path: Path, made: Callable[[Task], Made]) -> None:
    with pytest.raises(NotFound, match=r"model\.skops"):
        package(
            tmp_path / "b",
            Release("a", "1"),
            tmp_path,
            made("binary").train,
            made("binary").holdout,
        )


@pytest.mark.parametrize("about", [{"Owner": "x"}, {"owner": 5}, {"a b": "x"}])
def test_what_people_tell_must_be_texts_by_name(
    made: Callable[[Task], Made], tmp_path: Path, about: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="expected a text under a name"):
        packaged(made("binary"), tmp_path / "bundle", about=about)


def test_booleans_and_instants_are_carried_as_requests_carry_them() -> None:
    from headrace.training.model.columns import request_of

    moments = pd.to_datetime(["2026-01-01T10:00:00Z", None], utc=True)
    rows = pd.DataFrame({"flag": [True, False], "at": moments, "n": pd.array([1, None], "Int64")})
    columns = (Column("flag", "number"), Column("at", "string"), Column("n", "number"))
    assert request_of(rows, columns) == {
        "flag": [1.0, 0.0],
        "at": ["2026-01-01T10:00:00Z", None],
        "n": [1.0, None],
    }
