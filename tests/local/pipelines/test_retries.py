"""A retraining that dies after any of its tasks, and is begun anew: one version, one rollout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from headrace.api import load_rollout
from headrace.pipelines.compile import load_definition
from headrace.registry import CHALLENGER, Registry
from headrace.training.data.schema_text import to_yaml
from headrace.training.data.table import write_table
from tests.local.pipelines.test_retrain import TEMPLATE
from tests.local.training.tables import rows_of, schema_of

pytestmark = pytest.mark.local

ROOT = Path(__file__).parents[3]
STEPS = ("retrain_due", "train", "evaluate", "package", "register", "review", "roll_out")
NAME = "sizes"


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make MLflow's database once; that takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "registry.db"
    Registry(f"sqlite:///{file}").log_run("first", {}, {})
    return file


@dataclass
class Run:
    """One run of the pipeline, task after task, with artifacts of its own."""

    shared: Path
    folder: Path
    done: dict[str, Any] = field(default_factory=dict)

    @property
    def registry_uri(self) -> str:
        return f"sqlite:///{self.shared / 'registry.db'}"

    def until(self, last: str) -> None:
        for step in STEPS:
            self.done[step] = self._do(step)
            if step == last or self.done["retrain_due"] is False:
                return

    def _do(self, step: str) -> Any:
        function = load_definition(ROOT / "components" / step / "component.py").python_func
        return function(**getattr(self, f"_{step}")())

    def _model(self, name: str) -> dsl.Model:
        return dsl.Model(uri=str(self.folder / name))

    def _text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def _rows(self, name: str) -> dsl.Dataset:
        return dsl.Dataset(uri=str(self.shared / name))

    def _html(self, name: str) -> dsl.HTML:
        return dsl.HTML(uri=str(self.folder / name))

    def _retrain_due(self) -> dict[str, Any]:
        return {
            "train": self._rows("train"),
            "schema": SCHEMA,
            "model_name": NAME,
            "registry_uri": self.registry_uri,
            "template": TEMPLATE,
            "target": (self.shared / "rollouts").as_uri(),
            **{each: str(self.folder / each) for each in ("version", "reason", "message")},
        }

    def _train(self) -> dict[str, Any]:
        return {
            "train": self._rows("train"),
            "schema": SCHEMA,
            "model": self._model("model"),
            "table": self._html("trials.html"),
            "estimator": "linear",
            "folds": 1,
        }

    def _evaluate(self) -> dict[str, Any]:
        return {
            "model": self._model("model"),
            "holdout": self._rows("holdout"),
            "schema": SCHEMA,
            "evaluation": dsl.Artifact(uri=str(self.folder / "evaluation")),
            "metrics": dsl.Metrics(uri=str(self.folder / "metrics")),
            "classification": dsl.ClassificationMetrics(uri=str(self.folder / "classes")),
            "page": self._html("evaluation.html"),
            "headline": str(self.folder / "headline"),
            "resamples": 5,
            "registry_uri": self.registry_uri,
            "model_name": NAME,
            "version": self._text("version"),
        }

    def _package(self) -> dict[str, Any]:
        return {
            "model": self._model("model"),
            "train": self._rows("train"),
            "holdout": self._rows("holdout"),
            "evaluation": dsl.Artifact(uri=str(self.folder / "evaluation")),
            "bundle": self._model("bundle"),
            "card": self._html("card.html"),
            "model_name": NAME,
            "version": self._text("version"),
        }

    def _register(self) -> dict[str, Any]:
        return {
            "bundle": self._model("bundle"),
            "evaluation": dsl.Artifact(uri=str(self.folder / "evaluation")),
            "registry_uri": self.registry_uri,
            "digest": self.done["package"],
        }

    def _review(self) -> dict[str, Any]:
        return {
            "bundle": self._model("bundle"),
            "evaluation": dsl.Artifact(uri=str(self.folder / "evaluation")),
            "holdout": self._rows("holdout"),
            "record": dsl.Artifact(uri=str(self.folder / "record")),
            "page": self._html("review.html"),
            "policy": "lineage: [data-digest]",
            "registry_uri": self.registry_uri,
        }

    def _roll_out(self) -> dict[str, Any]:
        return {
            "template": TEMPLATE,
            "target": (self.shared / "rollouts").as_uri(),
            "model_name": NAME,
            "version": self._text("version"),
            "uri": self.done["register"],
            "digest": self.done["package"],
            "manifest": dsl.Artifact(uri=str(self.folder / "manifest")),
        }


SCHEMA = to_yaml(schema_of("regression"))


@pytest.mark.parametrize("died", STEPS)
def test_a_run_that_died_and_one_that_is_begun_anew_make_one_version_and_one_rollout(
    empty: Path, tmp_path: Path, died: str
) -> None:
    shutil.copy(empty, tmp_path / "registry.db")
    rows = rows_of("regression", 200)
    write_table(tmp_path / "train", rows.head(150))
    write_table(tmp_path / "holdout", rows.tail(50))
    runs = []
    for number, last in enumerate((died, "roll_out", "roll_out")):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        runs.append(Run(tmp_path, folder))
        runs[-1].until(last)

    reasons = [run._text("reason") for run in runs]
    second = {"roll_out": "AlreadyOffered"} | dict.fromkeys(("register", "review"), "Resumed")
    assert reasons == ["FirstModel", second.get(died, "FirstModel"), "AlreadyOffered"]
    assert len({run._text("version") for run in runs}) == 1
    assert len({run.done["package"] for run in runs if "package" in run.done}) == 1
    registry = Registry(runs[0].registry_uri)
    known = registry.newest(NAME)
    assert known is not None
    assert registry.versions_with("headrace.digest", known.digest) == (known,)
    assert known == registry.version_of(NAME, CHALLENGER)
    (file,) = (tmp_path / "rollouts").iterdir()
    model = load_rollout(file).spec.model
    # The folder of the first run's bundle may be gone; what is registered first is where it is.
    assert (model.version, model.digest, model.uri) == (known.version, known.digest, known.uri)
