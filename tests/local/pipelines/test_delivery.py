"""The delivery components in pipelines of a user's own, run by KFP from their compiled files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from headrace.api import Phase, Status
from headrace.api.status import HistoryEntry
from headrace.controller.store import RolloutStore
from headrace.delivery.template import ModelVersion, fill
from headrace.pipelines.compile import compile_definition
from headrace.pipelines.local_run import PipelineRun, run_pipeline
from headrace.registry import CHALLENGER, Registry
from headrace.serving.bundle import digest
from headrace.training.packaging.package import Release, package
from tests.local.training.packaging.models import EVALUATION, make

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[3]
NAMES = ("register", "review", "test_serving", "roll_out", "await_rollout", "batch_predict")
PIPELINES = """
from pathlib import Path
from kfp import components, dsl

HERE = Path(__file__).parents[1]
register, review, test_serving, roll_out, await_rollout, batch_predict = (
    components.load_component_from_file(str(HERE / f"{name}.yaml"))
    for name in (
        "register", "review", "test_serving", "roll_out", "await_rollout", "batch_predict"
    )
)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def tell(what: str) -> str:
    return what


@dsl.pipeline(name="delivery")
def delivery(
    bundle_uri: str, rows_uri: str, evaluation_uri: str, registry_uri: str, digest: str,
    policy: str, handler: str, template: str, target: str,
):
    bundle = dsl.importer(artifact_uri=bundle_uri, artifact_class=dsl.Model)
    rows = dsl.importer(artifact_uri=rows_uri, artifact_class=dsl.Dataset)
    evaluation = dsl.importer(artifact_uri=evaluation_uri, artifact_class=dsl.Artifact)
    registered = register(
        bundle=bundle.output, evaluation=evaluation.output, registry_uri=registry_uri,
        digest=digest,
    )
    reviewed = review(
        bundle=bundle.output, evaluation=evaluation.output, holdout=rows.output, policy=policy,
        registry_uri=registry_uri,
    ).after(registered)
    tried = test_serving(
        bundle=bundle.output, holdout=rows.output, handler=handler, levels="1", seconds=1.0,
        largest_failed=0.1,
    )
    rolled = roll_out(
        template=template, target=target, model_name="flights", version="7",
        uri=registered.outputs["Output"], digest=digest,
    ).after(reviewed, tried)
    ended = await_rollout(
        rollout=rolled.outputs["Output"], version="7", target=target, timeout="1s",
        interval="100ms", must_be_promoted=False,
    )
    with dsl.If(ended.outputs["Output"] == "Promoted", name="promoted"):
        batch_predict(bundle=bundle.output, rows=rows.output, keys=["carrier"], partition_rows=100)
    with dsl.Else(name="otherwise"):
        tell(what=ended.outputs["message"])
"""
POLICY = """
card: [owner]
lineage: [data-digest, code-commit, run]
fairness: [{column: carrier, measure: accuracy, largestDifference: 0.5, leastRows: 20}]
"""
TEMPLATE = """
kind: ModelRollout
metadata: {name: flights, namespace: models}
spec:
  model: {handler: served_flights.Flights}
  strategy: {canary: {steps: [{weight: 5, hold: 5m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""
HANDLER = """
from headrace.serving.server import ModelServer
from headrace.serving.signature import Column

class Flights(ModelServer):
    request_columns = (
        Column("distance", "number", nullable=True),
        Column("minute", "number"),
        Column("carrier", "string", nullable=True),
    )

    def transform(self, columns):
        return {**columns, "hour": [minute / 60 for minute in columns["minute"]]}
"""


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Lay out what came before delivery, and what a user's pipeline needs: no checkout."""
    model = make(tmp_path, "binary")
    release = Release("flights", "7", {"owner": "ada"})
    bundle = tmp_path / "bundle"
    package(bundle, release, model.path, model.train, model.holdout, EVALUATION)
    model.holdout.to_parquet(tmp_path / "rows", index=False)
    (tmp_path / "evaluation").write_text(json.dumps(EVALUATION), encoding="utf-8")
    (tmp_path / "served_flights.py").write_text(HANDLER)
    monkeypatch.chdir(tmp_path)
    # A user's own functions are in the image; here they are beside the tests.
    places = [str(ROOT), str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(each for each in places if each))
    return {
        "bundle_uri": str(bundle),
        "rows_uri": str(tmp_path / "rows"),
        "evaluation_uri": str(tmp_path / "evaluation"),
        "registry_uri": f"sqlite:///{tmp_path / 'registry.db'}",
        "digest": digest(bundle),
        "policy": POLICY,
        "handler": "served_flights.Flights",
        "template": TEMPLATE,
        "target": (tmp_path / "home").as_uri().replace("file:", "local:"),
    }


@pytest.fixture
def run(tmp_path: Path, arguments: dict[str, Any]) -> Callable[[], PipelineRun]:
    """Compile the pipeline beside copies of the components, and run it."""
    for name in NAMES:
        shutil.copy(ROOT / "components" / name / "component.yaml", tmp_path / f"{name}.yaml")
    source = tmp_path / "delivery" / "pipeline.py"
    source.parent.mkdir()
    source.write_text(PIPELINES)
    compiled = source.with_suffix(".yaml")
    compiled.write_text(compile_definition(source))
    return lambda: run_pipeline(compiled, arguments, tmp_path / "runs", lambda _: None, 1500.0)


def outputs(folder: Path, task: str) -> dict[str, Any]:
    """Give metadata and path of each artifact of a task."""
    (file,) = (folder / "runs").glob(f"*/{task}/executor_output.json")
    document = json.loads(file.read_text("utf-8"))
    return {name: each["artifacts"][0] for name, each in document["artifacts"].items()}


def put_live(home: Path, arguments: dict[str, Any]) -> None:
    """Have the rollout end before it is waited for, as its controller would."""
    uri = Path(arguments["bundle_uri"]).as_uri()
    version = ModelVersion("flights", "7", uri, arguments["digest"])
    rollout = fill(TEMPLATE, version).rollout
    store = RolloutStore(home / "models" / "flights")
    store.apply(rollout)
    entry = HistoryEntry(
        version="7",
        outcome="Promoted",
        reason="StepsHeld",
        message="every step has held",
        by="headrace",
        started=1.0,
        ended=2.0,
    )
    live = Status(phase=Phase.HEALTHY, stable=rollout.spec.model, history=[entry])
    store.write_status(live)


def test_from_a_bundle_to_users_and_predictions(
    run: Callable[[], PipelineRun], arguments: dict[str, Any], tmp_path: Path
) -> None:
    put_live(tmp_path / "home", arguments)
    tasks = run().tasks
    assert "batch-predict" in tasks
    assert "tell" not in tasks
    challenger = Registry(arguments["registry_uri"]).version_of("flights", CHALLENGER)
    assert challenger is not None
    assert challenger.digest == arguments["digest"]
    record = outputs(tmp_path, "review")["record"]
    assert record["metadata"]["outcome"] == "Approved"
    assert json.loads(Path(record["uri"]).read_text())["digest"] == arguments["digest"]
    tried = outputs(tmp_path, "test-serving")
    assert tried["metrics"]["metadata"]["passed"] == 1.0
    assert "1 at a time: " in Path(tried["page"]["uri"]).read_text()
    manifest = outputs(tmp_path, "roll-out")["manifest"]
    assert manifest["metadata"]["changed"] == "false"
    assert arguments["digest"] in Path(manifest["uri"]).read_text()
    page = outputs(tmp_path, "await-rollout")["page"]
    assert (page["metadata"]["outcome"], page["metadata"]["reason"]) == ("Promoted", "StepsHeld")
    predictions = outputs(tmp_path, "batch-predict")["predictions"]
    assert predictions["metadata"]["rows"] == "300"
    written = pd.concat(map(pd.read_parquet, sorted(Path(predictions["uri"]).glob("*.parquet"))))
    assert len(written) == 300
    assert written["prediction"].between(0, 1).all()


def test_a_rollout_that_nobody_looks_after_takes_the_other_branch(
    run: Callable[[], PipelineRun], tmp_path: Path
) -> None:
    tasks = run().tasks
    assert "tell" in tasks
    assert "batch-predict" not in tasks
    assert outputs(tmp_path, "roll-out")["manifest"]["metadata"]["changed"] == "true"
    assert outputs(tmp_path, "await-rollout")["page"]["metadata"]["outcome"] == "TimedOut"
