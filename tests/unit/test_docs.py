"""The pages are true: every example in them is read as a rollout would be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from headrace.api import Analysis
from headrace.api.check import Kind, MetricName
from headrace.engine.checks.build import checks_of

PAGE = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
EXAMPLES: list[list[dict[str, Any]]] = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example[0]["name"]))
def test_an_example_of_the_page_is_a_list_of_checks(example: list[dict[str, Any]]) -> None:
    analysis = Analysis.model_validate({"checks": example})
    assert len(checks_of(analysis)) == len(example)


def test_every_check_has_an_example_and_a_row() -> None:
    shown = {spec.get("metric") or spec["kind"] for example in EXAMPLES for spec in example}
    assert shown == {*get_args(MetricName), *get_args(Kind)}
    rows = set(re.findall(r"^\| `(?:metric|kind): ([\w-]+)`", PAGE, re.MULTILINE))
    assert rows == shown


def test_every_reason_on_the_page_is_one_that_is_given() -> None:
    source = Path(__file__).parents[2] / "operator" / "headrace"
    code = "".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    table = PAGE.split("## What needs no check")[1]
    reasons = re.findall(r"`([A-Z]\w+)`", table)
    assert len(reasons) > 8
    outcomes = {"NoData", "Error", "ServersHealthy", "DigestMismatch"}
    assert [r for r in reasons if r not in outcomes and f'"{r}"' not in code] == []
