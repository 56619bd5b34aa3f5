"""The page about pipelines is true: its table, its pipeline and its commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kfp.compiler import Compiler

from headrace.pipelines.compile import load_definition

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")


def test_every_component_is_in_the_table() -> None:
    listed = re.findall(r"^\| \[`(\w+)`\]", PAGE, re.MULTILINE)
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


def test_the_commands_of_the_page_write_their_files(tmp_path: Path) -> None:
    for name in ("components", "pipelines"):
        (tmp_path / name).symlink_to(ROOT / name)
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    headrace = Path(sys.executable).parent / "headrace"
    for command in commands.splitlines():
        name, *arguments = command.split()
        assert name == "headrace"
        said = subprocess.run(
            [headrace, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stderr
    assert (tmp_path / "flight_delay.yaml").is_file()
    written = (tmp_path / "flight_delay.crd.yaml").read_text(encoding="utf-8")
    assert "PipelineVersion" in {each["kind"] for each in yaml.safe_load_all(written)}
