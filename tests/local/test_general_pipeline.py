"""The general components in a user's own pipeline, outside of this checkout, run by kfp.local."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from headrace.pipelines.compile import compile_definition
from headrace.pipelines.local_run import PipelineRun, run_pipeline
from headrace.training.data.schema import Task
from headrace.training.data.schema_text import to_yaml
from headrace.training.model.fitted import read_fitted
from headrace.training.model.trials import read_trials
from tests.local.training.tables import rows_of, schema_of

COMPONENTS = Path(__file__).parents[2] / "components"
NAMES = ("ingest", "validate_data", "split", "train", "tune", "evaluate")

SEARCHING = """
from pathlib import Path
from kfp import components, dsl

def load(name):
    return components.load_component_from_file(str(Path(__file__).parent / f"{name}.yaml"))


@dsl.pipeline(name="searching")
def searching(uri: str, schema: str, gates: str, most: float) -> bool:
    ingested = load("ingest")(
        sources={"rows": uri}, query="SELECT * FROM rows WHERE size < $most",
        parameters={"most": most}, schema=schema,
    )
    valid = load("validate_data")(
        data=ingested.outputs["data"], schema=schema, on_violation="mark"
    )
    parts = load("split")(data=ingested.outputs["data"], schema=schema).after(valid)
    with dsl.ParallelFor([{"max_depth": 1}, {"max_depth": 4}], parallelism=1) as point:
        trained = load("train")(
            train=parts.outputs["train"], schema=schema, estimator="tree", parameters=point,
            folds=1,
        )
    tuned = load("tune")(models=dsl.Collected(trained.outputs["model"]))
    judged = load("evaluate")(
        model=tuned.outputs["model"], holdout=parts.outputs["holdout"], schema=schema,
        gates=gates, resamples=5,
    )
    with dsl.If(judged.outputs["Output"] == True):
        load("validate_data")(data=parts.outputs["holdout"], schema=schema)
    return judged.outputs["Output"]
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user") / "searching"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(COMPONENTS / name / "component.yaml", folder / f"{name}.yaml")
    source = folder / "pipeline.py"
    source.write_text(SEARCHING)
    source.with_suffix(".yaml").write_text(compile_definition(source))
    return source.with_suffix(".yaml")


def run(pipeline: Path, folder: Path, task: Task, gates: str, **more: Any) -> PipelineRun:
    rows_of(task).to_csv(folder / "rows.csv", index=False)
    arguments = {
        "uri": str(folder / "rows.csv"),
        "schema": to_yaml(schema_of(task)),
        "gates": gates,
        "most": 100.0,
        **more,
    }
    return run_pipeline(pipeline, arguments, folder / "runs", lambda progress: None)


def output(folder: Path, task: str, name: str) -> Path:
    (found,) = (folder / "runs").glob(f"*/{task}/{name}")
    return found


@pytest.mark.timeout(900)
def test_models_fitted_side_by_side_are_tuned_and_judged(pipeline: Path, tmp_path: Path) -> None:
    result = run(pipeline, tmp_path, "multiclass", "accuracy >= 0.5")
    assert result.outputs == {"Output": True}
    assert "validate-data-2" in result.tasks
    winner = output(tmp_path, "tune", "model")
    assert read_fitted(winner).description.parameters == {"max_depth": 4}
    assert len(read_trials(winner).trials) == 2
    document = json.loads(output(tmp_path, "evaluate", "evaluation").read_text("utf-8"))
    assert document["task"] == "multiclass"
    assert document["passed"] is True


@pytest.mark.timeout(900)
def test_a_model_that_is_not_good_enough_ends_its_branch(pipeline: Path, tmp_path: Path) -> None:
    result = run(pipeline, tmp_path, "regression", "r2 >= 0.9999")
    assert result.outputs == {"Output": False}
    assert "validate-data-2" not in result.tasks
