"""The page about simulating is true: its recordings are read, its commands and tables exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.api import load_rollout
from headrace.cli.main import cli
from headrace.cli.record import record
from headrace.cli.scenarios import CANDIDATE, TRAFFIC
from headrace.cli.simulate import simulate
from headrace.engine.checks.build import checks_of
from headrace.metrics.recording_file import read_recording

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")
DECISION = re.compile(r"^ (\d\d:\d\d:\d\d)\s.*?([A-Z]\w+ [A-Z]\w+):", re.MULTILINE)


def blocks(kind: str, heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)


def test_the_replay_of_the_page_decides_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (command,) = blocks("sh", "Recorded traffic")
    said = CliRunner().invoke(cli, shlex.split(command)[1:])
    assert said.exit_code == 0, said.output
    (shown,) = blocks("text", "Recorded traffic")
    assert DECISION.findall(shown) == DECISION.findall(said.output)
    assert len(DECISION.findall(shown)) == 4
    ending = re.compile(r"^Headrace .*$", re.MULTILINE)
    assert ending.findall(shown) == [line.strip() for line in ending.findall(said.output)]


def test_the_recording_of_the_page_is_one(tmp_path: Path) -> None:
    (shown,) = blocks("json", "Making a recording")
    documents, place, decoder = [], 0, json.JSONDecoder()
    while place < len(shown.rstrip()):
        document, place = decoder.raw_decode(shown, place)
        documents.append(document)
        place += len(shown[place:]) - len(shown[place:].lstrip())
    file = tmp_path / "recording.jsonl"
    file.write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
    found = read_recording(file)
    assert (found.rollout, found.stable, found.size) == ("models/churn", "1", 2)
    assert len(found.levels) == 1


def test_every_option_of_the_page_exists_and_every_knob_is_on_it() -> None:
    named = set(re.findall(r"`--([a-z]+)", PAGE))
    known = {
        option.lstrip("-")
        for command in (record, simulate)
        for parameter in command.params
        for option in parameter.opts
    }
    assert named <= known
    assert {knob.option for knob in (*CANDIDATE, *TRAFFIC)} <= named


def test_the_example_asks_of_many_families() -> None:
    spec = load_rollout(ROOT / "docs" / "examples" / "simulate" / "rollout.yaml").spec
    assert len(checks_of(spec.analysis)) == 6
