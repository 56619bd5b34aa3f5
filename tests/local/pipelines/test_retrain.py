"""The pipelines retrain and batch_predict, run by kfp.local: one model's story, run after run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from headrace.api import load_rollout
from headrace.pipelines.local_run import PipelineRun, Progress, run_pipeline
from headrace.registry import CHALLENGER, Registry
from headrace.registry.rejections import rejection_of
from headrace.training.data.schema_text import to_yaml
from tests.local.training.tables import rows_of, schema_of

pytestmark = [pytest.mark.local, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
NAME = "sizes"
TEMPLATE = """
kind: ModelRollout
metadata: {name: sizes, namespace: models}
spec:
  strategy: {canary: {steps: [{weight: 5, hold: 5m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""


@dataclass
class Story:
    """A folder in which a model is trained again and again."""

    folder: Path
    runs: list[PipelineRun] = field(default_factory=list)

    @property
    def registry(self) -> Registry:
        return Registry(f"sqlite:///{self.folder / 'registry.db'}")

    def write_rows(self, count: int) -> None:
        rows_of("multiclass", count).to_csv(self.folder / "rows.csv", index=False)

    def retrain(
        self, until: Callable[[Progress], bool] = lambda _: False, **more: Any
    ) -> PipelineRun:
        """Run the pipeline; it is killed where `until` says so."""

        def follow(progress: Progress) -> None:
            if until(progress):
                raise KeyboardInterrupt

        arguments = {
            "sources": {"rows": str(self.folder / "rows.csv")},
            "schema": to_yaml(schema_of("multiclass", time="when")),
            "model_name": NAME,
            "registry_uri": self.registry.tracking_uri,
            "rollout_template": TEMPLATE,
            "rollout_target": (self.folder / "rollouts").as_uri(),
            "estimator": "linear",
            "folds": 1,
            "cool_down": "0s",
            "load_levels": "1",
            "load_seconds": 1.0,
            **more,
        }
        pipeline = ROOT / "pipelines" / "retrain" / "pipeline.yaml"
        return run_pipeline(pipeline, arguments, self.folder / "runs", follow, 1500.0)

    def outputs(self, task: str) -> dict[str, Any]:
        """Give what a task of the last run left: uri and metadata by artifact."""
        files = (self.folder / "runs").glob(f"*/{task}/executor_output.json")
        newest = max(files, key=lambda file: file.stat().st_mtime)
        artifacts = json.loads(newest.read_text("utf-8")).get("artifacts", {})
        return {name: each["artifacts"][0] for name, each in artifacts.items()}

    def version(self) -> str:
        """Give the version that the last run named."""
        files = (self.folder / "runs").glob("*/retrain-due/version")
        return max(files, key=lambda file: file.stat().st_mtime).read_text("utf-8")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two runs: the first one is killed between register and roll_out."""
    story = Story(tmp_path_factory.mktemp("story"))
    story.write_rows(300)
    with pytest.raises(KeyboardInterrupt):
        story.retrain(until=lambda progress: progress.task == "review")
    assert story.registry.newest(NAME) is not None
    assert not (story.folder / "rollouts").exists()
    story.runs.append(story.retrain())
    return story


def test_a_run_that_was_killed_is_gone_on_with(story: Story) -> None:
    assert story.runs[0].outputs == {"Output": "Resumed"}
    assert list(story.runs[0].tasks)[-1] == "roll-out"
    version = story.version()
    challenger = story.registry.version_of(NAME, CHALLENGER)
    assert challenger is not None
    assert challenger == story.registry.newest(NAME)
    assert challenger.version == version
    (file,) = (story.folder / "rollouts").iterdir()
    model = load_rollout(file).spec.model
    assert (model.version, model.digest) == (version, challenger.digest)
    number_of_versions = story.registry.versions_with("data-digest", digest_of(story, "train"))
    assert len(number_of_versions) == 1


def digest_of(story: Story, part: str) -> str:
    return str(story.outputs("split")[part]["metadata"]["digest"])


def test_every_task_tells_what_it_did(story: Story) -> None:
    assert story.outputs("train")["model"]["metadata"]["task"] == "multiclass"
    assert story.outputs("train")["model"]["metadata"]["data_digest"] == digest_of(story, "train")
    evaluation = Path(story.outputs("evaluate")["evaluation"]["uri"])
    assert json.loads(evaluation.read_text())["champion"] is None
    assert story.outputs("test-serving")["metrics"]["metadata"]["passed"] == 1.0
    assert story.outputs("review")["record"]["metadata"]["outcome"] == "Approved"
    manifest = story.outputs("roll-out")["manifest"]
    assert manifest["metadata"]["changed"] == "true"


def test_nothing_happens_on_the_same_data_and_something_on_more(story: Story) -> None:
    champion = story.version()
    story.registry.promote(NAME, champion)
    still = story.retrain()
    assert still.outputs == {"Output": "DataUnchanged"}
    assert list(still.tasks) == ["ingest", "validate-data", "split", "retrain-due"]

    story.write_rows(360)
    judged = story.retrain(gates="accuracy >= 0.5 and accuracy >= champion.accuracy + 0.9")
    assert judged.outputs == {"Output": "NewData"}
    assert list(judged.tasks)[-2:] == ["train", "evaluate"]
    document = json.loads(Path(story.outputs("evaluate")["evaluation"]["uri"]).read_text())
    assert document["champion"]["name"] == f"{NAME} {champion}"
    assert document["passed"] is False
    version = story.version()
    assert version != champion
    why = rejection_of(story.registry, NAME, version)
    assert why is not None
    assert "champion.accuracy" in why
    assert story.registry.newest(NAME) == story.registry.version_named(NAME, champion)

    again = story.retrain(gates="accuracy >= 0.5 and accuracy >= champion.accuracy + 0.9")
    assert again.outputs == {"Output": "NotPassedBefore"}


def test_a_table_is_predicted_by_the_champion(story: Story) -> None:
    champion = story.registry.newest(NAME)
    assert champion is not None
    story.registry.promote(NAME, champion.version)
    rows = rows_of("multiclass", 250, seed=1)
    rows.assign(size=rows["size"] + 3).to_csv(story.folder / "ahead.csv", index=False)
    arguments = {
        "sources": {"rows": str(story.folder / "ahead.csv")},
        "query": 'SELECT "size", kind, noise, who FROM rows',
        "model_name": NAME,
        "registry_uri": story.registry.tracking_uri,
        "target": str(story.folder / "predictions"),
        "keys": ["who"],
        "partition_rows": 100,
    }
    pipeline = ROOT / "pipelines" / "batch_predict" / "pipeline.yaml"
    done = run_pipeline(pipeline, arguments, story.folder / "runs", lambda _: None, 1500.0)
    assert {"size", "prediction"} <= set(done.outputs["Output"])
    fetched = story.outputs("fetch-model")["bundle"]["metadata"]
    assert (fetched["model_version"], fetched["digest"]) == (champion.version, champion.digest)
    predictions = story.outputs("batch-predict")["predictions"]
    (folder,) = (story.folder / "predictions").iterdir()
    assert predictions["uri"] == str(folder)
    assert predictions["metadata"]["partitions"] == "3"
    written = pd.concat([pd.read_parquet(file) for file in sorted(folder.glob("*.parquet"))])
    assert len(written) == 250
    assert set(written["prediction"]) <= {"low", "middle", "high"}
    assert set(written["model_version"]) == {champion.version}
