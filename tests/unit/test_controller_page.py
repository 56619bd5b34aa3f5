"""The page about the controller is true: its metrics, its spans and its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from headrace.cli.controller import controller
from headrace.controller.asking import local_envoy
from headrace.controller.fleet import Fleet
from headrace.controller.meters import Meters
from headrace.engine.decision import Action, Decision
from tests.unit.controller.bench import START, Cluster, Eyes, Hands, Shelf, named
from tests.unit.engine.rollouts import under_test

PAGE = (Path(__file__).parents[2] / "docs" / "controller.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    table = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in table]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_metrics_of_the_page_are_those_that_there_are() -> None:
    world = under_test()
    told = {world.rollout.key: world.rollout}
    meters = Meters(lambda: told, lambda: {("get", "pods", 200): 1}, lambda: {"ok": 1})
    meters.decided(Decision(Action.ADVANCE, "StepHeld", ""))
    page = meters.page().decode()
    there = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(page)
        if not family.name.endswith("_created")
    }
    written = {name for row in rows("What it says of itself") for name in names(row[0])}
    assert written - there == set()
    assert {name for name in there if name.startswith("headrace_")} - written == set()


def test_the_spans_of_the_page_are_those_that_there_are_with_what_they_carry() -> None:
    begun: dict[str, set[str]] = {}

    @contextmanager
    def spans(name: str, **facts: str) -> Iterator[None]:
        begun.setdefault(name, set()).update(f"headrace.{fact}" for fact in facts)
        yield

    shelf = Shelf()
    cluster = Cluster(shelf.log, shelf.life)
    fleet = Fleet(
        shelf, Eyes(cluster), Hands(cluster), counters_of=local_envoy, workers=1, spans=spans
    )
    for version in ("1", "2"):
        shelf.put(named(version, 0))
        for tick in range(4):
            fleet.tick(START + 1000 * int(version) + 15 * tick)
            fleet.settle(30)
    fleet.close()
    written = {names(row[0])[0]: set(names(row[2])) for row in rows("Traces")}
    assert begun | {"tick": set()} == written


def test_the_options_of_the_page_are_those_of_the_command() -> None:
    text = CliRunner().invoke(controller, ["--help"]).output
    options = set(re.findall(r"--[a-z][a-z-]*", PAGE))
    assert options
    assert all(option in text for option in options)
