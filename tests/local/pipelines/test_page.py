"""The page about pipelines is true: its table, its pipeline and its commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kfp.compiler import Compiler

from headrace.pipelines.compile import load_definition
from tests.local.pipelines.kfp_backend import serving

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")


def test_every_component_is_in_the_table() -> None:
    listed = re.findall(r"^\| \[`(\w+)`\]\(../components", PAGE, re.MULTILINE)
    there = sorted(path.parent.name for path in (ROOT / "components").glob("*/component.yaml"))
    assert sorted(listed) == there


def test_the_pipeline_of_the_page_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    source = tmp_path / "release" / "pipeline.py"
    source.parent.mkdir()
    source.write_text(code, encoding="utf-8")
    monkeypatch.chdir(ROOT)
    Compiler().compile(load_definition(source), str(tmp_path / "release.yaml"))
    compiled = yaml.safe_load((tmp_path / "release.yaml").read_text(encoding="utf-8"))
    assert {"register", "roll-out"} <= set(compiled["root"]["dag"]["tasks"])


def test_every_pipeline_is_in_the_table() -> None:
    listed = re.findall(r"^\| \[`(\w+)`\]\(../pipelines", PAGE, re.MULTILINE)
    there = sorted(path.parent.name for path in (ROOT / "pipelines").glob("*/pipeline.yaml"))
    assert sorted(listed) == there


def test_the_commands_of_the_page_do_what_they_say(tmp_path: Path) -> None:
    for name in ("components", "pipelines"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "schema.yaml").write_text("task: binary\n")
    (tmp_path / "rollout.yaml").write_text("kind: ModelRollout\n")
    binaries = Path(sys.executable).parent
    with serving() as backend:
        for commands in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
            said = subprocess.run(
                ["sh", "-eu", "-c", commands],
                cwd=tmp_path,
                env={
                    **os.environ,
                    "PATH": f"{binaries}:{os.environ['PATH']}",
                    "KF_PIPELINES_ENDPOINT": backend.url,
                },
                capture_output=True,
                text=True,
                check=False,
            )
            assert said.returncode == 0, said.stderr
        run = backend.the_only("runs")
        scheduled = backend.the_only("recurringruns")
    written = (tmp_path / "retrain.crd.yaml").read_text(encoding="utf-8")
    resources = list(yaml.safe_load_all(written))
    assert [each["kind"] for each in resources] == ["Pipeline", "PipelineVersion"]
    assert {each["metadata"]["namespace"] for each in resources} == {"models"}
    for each in (run, scheduled):
        assert each["pipeline_spec"]["pipelineInfo"]["name"] == "retrain"
        values = each["runtime_config"]["parameters"]
        assert values["model_name"] == "churn"
        assert values["schema"] == "task: binary\n"
    assert scheduled["display_name"] == "churn-nightly"
    assert (scheduled["max_concurrency"], scheduled["no_catchup"]) == (1, True)
