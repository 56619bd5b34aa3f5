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
@pytest.mark.timeout(900)
def test_the_examples_of_rollouts_on_one_machine(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    run(commands_of("A whole example"), tmp_path)
    canary = json.loads((tmp_path / ".headrace/default/churn/report.json").read_text("utf-8"))
    assert [r["outcome"] for r in canary["releases"]] == ["Live", "Promoted"]
    assert canary["releases"][1]["failed_requests"] == 0

    run(commands_of("An A/B test"), tmp_path)
    found = json.loads((tmp_path / ".headrace-ab/default/churn/report.json").read_text("utf-8"))
    winner = found["releases"][1]
    assert (winner["outcome"], winner["reason"]) == ("Promoted", "Winner")
    assert winner["failed_requests"] == 0


@pytest.mark.local
def test_the_first_version_of_ones_own_model_goes_live_as_the_readme_says(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    commands = commands_of("Run your own model", "README.md").replace(".venv/bin/", "")
    first, _, next_one = commands.partition("# package the next model")
    assert "headrace up" in next_one
    said = run(
        "python docs/examples/make_models.py\nmv churn-1.onnx model.onnx\n" + first, tmp_path
    )
    assert "churn 1 is the first version and has all the users" in said


@pytest.mark.local
def test_the_commands_of_the_readme_before_it_meets_users(tmp_path: Path) -> None:
    commands = commands_of("Before it meets users, and in a pull request", "README.md")
    assert "simulate" in commands
    run(commands.replace(".venv/bin/", ""), tmp_path)
    assert (tmp_path / "rollout.yaml").exists()


@pytest.mark.local
def test_the_simulations_of_the_page_run(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    commands = commands_of("Generated traffic", "docs/simulate.md")
    assert commands.count("headrace simulate") == 3
    run(commands, tmp_path)


@pytest.mark.local
def test_the_labels_of_the_page_become_a_quality(tmp_path: Path) -> None:
    commands = commands_of("Predictions and labels", "docs/labels.md")
    assert commands.count("headrace labels") == 3
    said = run(commands, tmp_path)
    assert "2 joined" in said
    assert "yes: accuracy of version 7 is 0.5, < 0.7, on 2 labels" in said


def commands_of(heading: str, file: str = "docs/local.md") -> str:
    """Give all commands under a heading of a page."""
    page = (ROOT / file).read_text(encoding="utf-8")
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def run(commands: str, folder: Path) -> str:
    """Run them one after the other, as a reader would; give what they say."""
    binaries = Path(sys.executable).parent
    try:
        said = subprocess.run(
            ["sh", "-eu", "-c", commands],
            cwd=folder,
            env={**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=800,
        )
    except subprocess.TimeoutExpired as error:
        # A rollout that waits for a person never ends here; what it wrote tells why.
        pytest.fail(f"not ended after {error.timeout:g} s:\n{(error.output or b'').decode()}")
    text = said.stdout.decode()
    assert said.returncode == 0, text
    return text
