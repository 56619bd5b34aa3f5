"""The page about people and other systems is true: its examples, and its tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.api import Before, Traffic, parse_rollout
from headrace.controller.gates import question_body
from headrace.controller.notify import EVENT_TYPES
from headrace.engine.conditions import REGISTERED
from headrace.engine.foresight import PROVABLE
from headrace.engine.gates import Question
from headrace.engine.observations import Wish
from tests.unit.engine.rollouts import live, model_of

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
BLOCKS: list[dict[str, Any]] = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: next(iter(block)))
def test_an_example_of_the_page_is_a_part_of_a_spec(block: dict[str, Any]) -> None:
    check = {"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 1.5}}
    spec = {
        "model": yaml.safe_load(model_of("7")),
        "strategy": {"shadow": {"hold": "1h"}},
        "analysis": {"checks": [check]},
    }
    document = {"metadata": {"name": "flight-delay"}, "spec": spec | block}
    written = parse_rollout(yaml.safe_dump(document)).model_dump(
        mode="json", exclude={"status"}, exclude_none=True
    )
    assert (
        parse_rollout(yaml.safe_dump(written)).spec == parse_rollout(yaml.safe_dump(document)).spec
    )


def test_what_a_gate_gets_has_the_fields_of_the_page() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    shown = json.loads(text)
    now, then = Traffic(stable=50, candidate=50), Traffic(candidate=100)
    question = Question("g", Before.PROMOTION, "8", 2, "ProvedSafe", "all steps have held", then)
    sent = question_body(live().rollout, question)
    assert list(sent) == list(shown)
    assert shown["weights"] == {
        "now": now.model_dump(mode="json"),
        "next": then.model_dump(mode="json"),
    }


def rows(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_every_condition_wish_and_event_has_a_row() -> None:
    conditions = {condition.type for condition in live().status.conditions}
    assert set(rows("Look")) == conditions | {PROVABLE, REGISTERED}
    assert {row.replace(" --", "-") for row in rows("Ask")} == set(Wish)
    assert rows("Being told") == list(EVENT_TYPES.values())
