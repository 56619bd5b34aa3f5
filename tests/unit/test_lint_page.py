"""The page about lint is true: its commands are run, and its tables are those of the code."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from headrace.cli.main import cli
from headrace.lint.catalogue import RULES
from headrace.render.crd import definition

PAGE = (Path(__file__).parents[2] / "docs" / "lint.md").read_text(encoding="utf-8")
LOOP = re.compile(r"for (\w+) in ([^;]+); do\n(.*?)\ndone", re.DOTALL)


def commands() -> list[str]:
    """Give the commands of the page; a loop is written out."""
    text = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    unrolled = LOOP.sub(
        lambda loop: "\n".join(loop[3].replace(f"${loop[1]}", value) for value in loop[2].split()),
        text,
    )
    return [line.strip() for line in unrolled.splitlines() if line.strip()]


def test_the_commands_of_the_page_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(commands()) == 13
    for command in commands():
        program, *arguments = shlex.split(command)
        assert program == "headrace"
        target = ""
        if ">" in arguments:
            target = arguments.pop()
            arguments.remove(">")
        said = CliRunner().invoke(cli, arguments)
        assert said.exit_code == 0, f"{command}: {said.output} {said.exception}"
        if target:
            (tmp_path / target).write_text(said.stdout, encoding="utf-8")
    (plan,) = json.loads((tmp_path / "plan.json").read_text("utf-8"))
    assert plan["rollout"] == "default/churn"
    assert yaml.safe_load((tmp_path / "modelrollouts.yaml").read_text("utf-8")) == definition()


def test_the_table_has_every_rule() -> None:
    rows = re.findall(r"^\| (HR\d+) \| (\w+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [(rule.code, rule.level.value, rule.summary) for rule in RULES]
