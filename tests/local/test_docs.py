"""The how-to pages are true: their commands are run, one after the other, as a reader would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.local
@pytest.mark.timeout(600)
def test_the_whole_example_of_a_rollout_on_one_machine(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "local.md").read_text(encoding="utf-8")
    example = page.split("## A whole example")[1].split("\n## ")[0]
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", example, re.DOTALL))
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    binaries = Path(sys.executable).parent
    said = subprocess.run(
        ["sh", "-eu", "-c", commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    report = json.loads((tmp_path / ".headrace/default/churn/report.json").read_text("utf-8"))
    assert [r["outcome"] for r in report["releases"]] == ["Live", "Promoted"]
    assert report["releases"][1]["failed_requests"] == 0
