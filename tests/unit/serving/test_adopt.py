"""Making a bundle of a model that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from headrace.errors import Conflict, HeadraceError, InvalidBundle, InvalidData, NotFound
from headrace.serving.adopt import adopt, read_columns
from headrace.serving.bundle import Output, read_bundle

OUTPUT = Output("leaves", "probability", 0.5)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    estimator = make_pipeline(SimpleImputer(), LogisticRegression()).fit(rows, [0, 0, 1, 1])
    path = tmp_path / "churn.skops"
    path.write_bytes(skops.io.dumps(estimator))
    return path


def csv(folder: Path, text: str) -> Path:
    path = folder / "typical.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_model_and_typical_rows_become_a_bundle_that_is_read_by_its_digest(
    model: Path, tmp_path: Path
) -> None:
    data = csv(tmp_path, "months,orders\n1,2\n3,\nnan,1\n")
    digest = adopt(model, data, tmp_path / "bundle", "churn", "1", OUTPUT)
    bundle = read_bundle(tmp_path / "bundle", digest)
    assert [(c.name, c.type, c.nullable) for c in bundle.signature.inputs] == [
        ("months", "number", True),
        ("orders", "number", True),
    ]
    examples = (tmp_path / "bundle" / "examples.jsonl").read_text("utf-8")
    assert "NaN" not in examples
    assert (tmp_path / "bundle" / "README.md").read_text("utf-8").startswith("# churn 1")


def test_a_bundle_that_is_there_already_is_not_overwritten(model: Path, tmp_path: Path) -> None:
    data = csv(tmp_path, "months,orders\n1,2\n")
    adopt(model, data, tmp_path / "bundle", "churn", "1", OUTPUT)
    other = csv(tmp_path, "months,orders\n5,6\n")
    with pytest.raises(Conflict):
        adopt(model, other, tmp_path / "bundle", "churn", "1", OUTPUT)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("months,orders\n", InvalidData, id="a header and no rows"),
        pytest.param("", InvalidData, id="nothing"),
        pytest.param("months,months\n1,2\n", InvalidData, id="a name twice"),
        pytest.param("months,orders\n1,2,3\n", InvalidData, id="a row that is longer"),
        pytest.param("months\n1\n", InvalidBundle, id="a column too few for the model"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_leave_nothing(
    text: str, error: type[HeadraceError], model: Path, tmp_path: Path
) -> None:
    with pytest.raises(error):
        adopt(model, csv(tmp_path, text), tmp_path / "bundle", "churn", "1", OUTPUT)
    assert not (tmp_path / "bundle").exists()


def test_a_table_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "typical.csv"
    path.write_bytes(b"a\n\xff\xfe\n")
    with pytest.raises(InvalidData, match="UTF-8"):
        read_columns(path)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(InvalidBundle, match="Pickled models are never loaded"):
        adopt(tmp_path / "model.pkl", tmp_path / "x.csv", tmp_path / "b", "churn", "1", OUTPUT)


def test_a_model_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"m\.onnx"):
        adopt(tmp_path / "m.onnx", csv(tmp_path, "a\n1\n"), tmp_path / "b", "churn", "1", OUTPUT)
