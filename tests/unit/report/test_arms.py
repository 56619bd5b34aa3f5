"""Releases with several candidates: each is told, shown and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from headrace.api import TickRecord, Traffic
from headrace.controller.records import record
from headrace.report.arms import candidates_in, carried, requests_of, view_of
from headrace.report.build import build_report
from headrace.report.html import render_html
from headrace.report.journal import append_record, read_journal
from headrace.report.report import Report
from headrace.report.series import traffic_steps
from headrace.report.terminal import render_status
from tests.unit.engine.noise import Model
from tests.unit.engine.noisy import NoisyWorld, noisy

STRATEGY = "abTest: {goal: reward, minimumEffect: 0.01, maxDuration: 1d, postPromotion: {hold: 1m}}"


@pytest.fixture(scope="module")
def world() -> NoisyWorld:
    one = noisy(STRATEGY, ["errors", "slo"], seed=5, challengers="34")
    one.metrics.requests = 12.0
    one.metrics.models |= {
        "1": Model(reward=0.1),
        "2": Model(reward=0.1),
        "3": Model(reward=0.16),
        "4": Model(reward=0.1, errors=0.15),
    }
    return one


@pytest.fixture(scope="module")
def ticks(world: NoisyWorld) -> list[TickRecord]:
    """The journal of a test in which 4 is dropped and 3 wins."""
    told = []
    while world.status.history[-1].version != "3":
        told.append(record(world.rollout, world.tick(), world.clock.now))
        assert len(told) < 300
    return told


@pytest.fixture(scope="module")
def report(world: NoisyWorld, ticks: list[TickRecord]) -> Report:
    return build_report(world.rollout, ticks)


def test_every_candidate_has_its_checks_requests_and_rewards(report: Report) -> None:
    release = report.releases[-1]
    assert [arm.version for arm in release.candidates] == ["2", "3", "4"]
    for arm in release.candidates:
        assert arm.requests > 0
        assert arm.earned is not None
        assert {check.name for check in arm.checks} == {"errors", "slo"}
    outcomes = {a.version: {c.outcome.value for c in a.checks} for a in release.candidates}
    assert "Fail" in outcomes["4"]
    assert "Pass" in outcomes["3"]
    assert outcomes["3"] <= {"Pass", "Inconclusive"}
    # Of all candidates together, and of the winner alone while it was watched.
    assert release.requests.candidate >= sum(arm.requests for arm in release.candidates)


def test_a_candidate_that_was_dropped_has_no_figures_after_that(ticks: list[TickRecord]) -> None:
    dropped = next(i for i, tick in enumerate(ticks) if tick.action == "Drop")
    assert view_of(ticks[dropped - 1], "4").checks
    assert not any(view_of(tick, "4").checks for tick in ticks[dropped + 1 :])
    assert all("4" not in {a.version for a in tick.rewards} for tick in ticks[dropped + 1 :])


def test_the_traffic_is_of_the_same_versions_before_and_after_the_choice(
    ticks: list[TickRecord],
) -> None:
    _, steps = traffic_steps(ticks, ticks[0].time)
    assert candidates_in(ticks) == ("2", "3", "4")
    assert Traffic(stable=50, candidate=25, challengers={"3": 25}) in steps
    assert steps[-1] == Traffic(candidate=0, challengers={"3": 100})
    assert all(t.stable + t.live in (0, 100) for t in steps)
    for tick in ticks:
        assert carried(tick, ()) == tick.seen


def test_the_page_names_every_candidate(report: Report) -> None:
    page = render_html(report)
    assert "The candidates" in page
    assert "each version's weakest check" in page.replace("&#39;", "'")
    for version in ("2", "3", "4"):
        assert f">{version}</b>" in page
    assert "drops a candidate at 300 : 1" in page
    assert "25 / 25, 3: 25, 4: 25" in page


def test_the_journal_keeps_them_and_says_nothing_of_what_is_not_there(
    tmp_path: Path, ticks: list[TickRecord]
) -> None:
    file = tmp_path / "journal.jsonl"
    for tick in ticks[:20]:
        append_record(file, tick)
    assert list(read_journal(file)) == ticks[:20]
    alone = ticks[0].model_copy(update={"challengers": [], "rewards": []})
    assert {"challengers", "rewards"} & set(json.loads(alone.model_dump_json())) == set()
    assert requests_of([alone], "2").candidate == 0


def test_the_page_says_which_segments_differ(world: NoisyWorld, ticks: list[TickRecord]) -> None:
    told = "no segment differs <beyond> chance"
    last = ticks[-1].model_copy(update={"segments": ""})
    some = [ticks[0].model_copy(update={"segments": told}), *ticks[1:-1], last]
    assert build_report(world.rollout, some).releases[-1].segments == told
    page = render_html(build_report(world.rollout, some))
    assert "By segment of the users: no segment differs &lt;beyond&gt; chance." in page
    assert "By segment" not in render_html(build_report(world.rollout, ticks))


def test_the_terminal_counts_each_candidates_requests() -> None:
    world = noisy(STRATEGY, ["errors"], challengers="3")
    for _ in range(6):
        world.tick()
    console = Console(width=110, record=True, file=None, quiet=True)
    with console.capture() as captured:
        console.quiet = False
        console.print(render_status(world.rollout, world.clock.now))
    text = captured.get()
    answered = world.status.challengers[0].requests.candidate
    assert f"3 {answered:,} (" in text
    assert "challenger 3" in text
