from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from headrace.api import load_rollout
from headrace.errors import InvalidRollout

TEMPLATE = """
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {name: flights}
spec:
  strategy: {canary: {steps: [{weight: 5, hold: 5m}, {weight: 50, hold: 10m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""


def run(
    function: Callable[..., Any], folder: Path, template: str = TEMPLATE
) -> tuple[str, dsl.Artifact]:
    manifest = dsl.Artifact(uri=str(folder / "manifest"))
    name: str = function(
        template=template,
        target=(folder / "rollouts").as_uri(),
        model_name="flight-delay",
        version="2",
        uri="s3://models/flight-delay/2",
        digest="sha256:" + "0" * 64,
        manifest=manifest,
    )
    return name, manifest


def test_one_rollout_is_delivered(component: Callable[..., Any], tmp_path: Path) -> None:
    name, manifest = run(component, tmp_path)
    assert name == "default/flights"
    (file,) = (tmp_path / "rollouts").iterdir()
    assert str(load_rollout(file).spec.model) == "flight-delay 2"
    assert Path(manifest.path).read_text("utf-8") == file.read_text("utf-8")
    assert manifest.metadata["place"] == str(file)
    assert manifest.metadata["commit_message"].startswith("default/flights: roll out flight-delay")


def test_a_retry_changes_nothing(component: Callable[..., Any], tmp_path: Path) -> None:
    changed = [run(component, tmp_path)[1].metadata["changed"] for _ in range(2)]
    assert changed == ["true", "false"]


def test_a_template_that_gives_no_rollout_fails_the_task_and_writes_nothing(
    component: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(InvalidRollout, match=r"spec\.strategy"):
        run(component, tmp_path, TEMPLATE.replace("canary", "hope"))
    assert list(tmp_path.iterdir()) == []
