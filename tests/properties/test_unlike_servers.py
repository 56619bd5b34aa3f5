"""Servers of one version that fail at rates of their own: no reason to roll back the next one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.simulate.judge import Answer, Judge
from headrace.simulate.scenario import Scenario
from headrace.simulate.traffic import Traffic
from headrace.simulate.wire import Question, Scrape, Side

SCRAPE, SCHEDULE, HISTORY, ROLLOUTS = 15.0, 80, 240, 60
WEIGHTS = (0.05, 0.10, 0.25, 0.50)


def rolled_back(scenario: Scenario, *, halves: bool) -> int:
    """Count the rollouts that are rolled back, with and without a look at stable's servers."""
    return sum(one_is_rolled_back(scenario, run, halves=halves) for run in range(ROLLOUTS))


def one_is_rolled_back(scenario: Scenario, run: int, *, halves: bool) -> bool:
    length = SCHEDULE * SCRAPE
    traffic = Traffic(scenario, 5, run, interval=SCRAPE, length=length, timed=False)

    def scrape(at: float, weight: float) -> Scrape:
        drawn = traffic.draw(at, 1 - weight, weight)
        stable = Side(drawn.stable.requests, halves=drawn.stable.halves)
        canary = Side(drawn.candidate.requests if weight else None)
        return Scrape(at, SCRAPE, stable if halves else replace(stable, halves=None), canary)

    history = [scrape(SCRAPE * (at - HISTORY + 1), 0.0) for at in range(HISTORY)]
    judge = Judge(Question(metric="error", deadline=2 * length), history)
    return any(
        judge.observe(scrape(SCRAPE * (at + 1), WEIGHTS[at * len(WEIGHTS) // SCHEDULE])).answer
        is Answer.ROLL_BACK
        for at in range(SCHEDULE)
    )


@pytest.mark.parametrize("servers", [2, 4], ids="{} servers an arm".format)
def test_healthy_candidates_are_hardly_ever_rolled_back_for_them(servers: int) -> None:
    scenario = Scenario(rate=400.0, servers=servers, unlike=0.2)
    blind, seeing = (rolled_back(scenario, halves=halves) for halves in (False, True))
    assert blind >= 0.15 * ROLLOUTS
    assert seeing <= min(0.1 * ROLLOUTS, blind / 2)


def test_servers_that_are_alike_cost_nothing() -> None:
    scenario = Scenario(servers=4, worse=1.5)
    blind, seeing = (rolled_back(scenario, halves=halves) for halves in (False, True))
    assert 0.4 * ROLLOUTS < blind < ROLLOUTS
    assert seeing >= blind - 0.1 * ROLLOUTS
