from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def run(function: Callable[..., Any], folder: Path, template: str = TEMPLATE) -> str:
    written: str = function(
        template=template,
        target=folder.as_uri(),
        model_name="flight-delay",
        version="2",
        uri="s3://models/flight-delay/2",
        digest="sha256:" + "0" * 64,
    )
    return written


def test_one_rollout_is_written(component: Callable[..., Any], tmp_path: Path) -> None:
    written = run(component, tmp_path)
    assert [str(each) for each in tmp_path.iterdir()] == [written]
    assert str(load_rollout(Path(written)).spec.model) == "flight-delay 2"


def test_a_template_that_gives_no_rollout_fails_the_task_and_writes_nothing(
    component: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(InvalidRollout, match=r"spec\.strategy"):
        run(component, tmp_path, TEMPLATE.replace("canary", "hope"))
    assert list(tmp_path.iterdir()) == []
