"""A Prometheus on its bad days: nothing changes until it is well again, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headrace.api import Phase
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.prometheus_proxy import (
    Change,
    PrometheusProxy,
    away,
    nonsense,
    nothing,
    numbers,
    overloaded,
    prometheus_proxy,
    slow,
    twice,
)
from tests.cluster.stage import Stage, staged

STEPS = [{"mirror": 100, "hold": "1s"}, {"weight": 20, "hold": "1s"}]
BEHIND = AHEAD = 120.0
"""Seconds by which the controller's clock differs from Prometheus'."""


@dataclass
class Theatre:
    """A rollout that holds at 20 %, and the Prometheus that its controller asks."""

    stage: Stage
    proxy: PrometheusProxy

    def ticks(self, count: int) -> None:
        """Wait until Prometheus was asked in so many more ticks, at the least."""
        for _ in range(count):
            before = self.proxy.asked
            eventually(lambda before=before: self.proxy.asked > before)  # type: ignore[misc]

    def holds(self) -> dict[str, Any]:
        return self.stage.when(lambda status: status["decision"]["reason"] == "StepHolds")


@pytest.fixture(scope="module")
def theatre(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with (
        staged(server, tmp_path_factory.mktemp("prometheus")) as stage,
        prometheus_proxy(stage.play.prometheus) as proxy,
    ):
        # All of it with clocks that differ by two minutes.
        stage.start(prometheus=proxy.url, clock=lambda: time.time() - BEHIND)
        stage.go_live()
        steps = [*STEPS, {"weight": 25, "hold": "60m"}]
        stage.apply("2", strategy={"canary": {"steps": steps}})
        stage.when(lambda _: stage.weights() == {"1": 75, "2": 25})
        one = Theatre(stage, proxy)
        one.holds()
        yield one
        stage.stop()


@pytest.mark.parametrize(
    "fault",
    [away, overloaded, nonsense, numbers("NaN"), numbers("+Inf")],
    ids=["away", "overloaded", "nonsense", "NaN", "infinite"],
)
def test_while_nothing_can_be_read_everything_stays_as_it_is(
    theatre: Theatre, fault: Change
) -> None:
    stage = theatre.stage
    theatre.holds()
    theatre.proxy.change = fault
    status = stage.when(lambda status: status["decision"]["reason"] != "StepHolds")
    theatre.ticks(4)
    assert status["decision"]["action"] == "Hold"
    assert status["phase"] == Phase.PROGRESSING
    assert stage.weights() == {"1": 75, "2": 25}
    assert stage.history() == [("1", "Live")]
    theatre.proxy.change = lambda answer: answer
    theatre.holds()


@pytest.mark.parametrize("fault", [slow, nothing], ids=["slow", "empty"])
def test_answers_that_are_late_or_say_nothing_are_waited_for(
    theatre: Theatre, fault: Change
) -> None:
    theatre.holds()
    theatre.proxy.change = fault
    theatre.ticks(6)
    theatre.proxy.change = lambda answer: answer
    status = theatre.holds()
    assert status["phase"] == Phase.PROGRESSING
    assert theatre.stage.weights() == {"1": 75, "2": 25}


def requests(stage: Stage) -> int:
    return int(stage.status()["requests"]["candidate"])


def answered(stage: Stage) -> int:
    return sum(n for (version, _), n in stage.play.answers.items() if version == "2")


def test_series_that_come_twice_and_counters_that_begin_anew_count_nothing_twice(
    theatre: Theatre,
) -> None:
    stage = theatre.stage
    theatre.proxy.change = twice
    theatre.ticks(6)
    theatre.proxy.change = lambda answer: answer
    theatre.ticks(2)
    for _ in range(3):
        stage.play.reset()
        theatre.ticks(4)
    status = theatre.holds()
    assert status["phase"] == Phase.PROGRESSING
    assert stage.weights() == {"1": 75, "2": 25}
    # Evidence is written within a minute, and never has more than there was.
    assert requests(stage) <= answered(stage)


def test_after_all_of_that_it_is_promoted(theatre: Theatre) -> None:
    stage = theatre.stage
    edit = {"spec": {"strategy": {"canary": {"steps": STEPS}}}}
    stage.cluster.patch(MODEL_ROLLOUT, stage.namespace, stage.name, edit)
    status = stage.until(Phase.HEALTHY, "2")
    assert stage.history() == [("1", "Live"), ("2", "Promoted")]
    assert 0 < status["history"][-1]["requests"]["candidate"] <= answered(stage)
    assert stage.play.unserved == 0


def test_a_clock_that_is_two_minutes_ahead_costs_no_time(server: ApiServer, tmp_path: Path) -> None:
    with staged(server, tmp_path) as stage:
        stage.start(clock=lambda: time.time() + AHEAD)
        stage.go_live()
        stage.apply("2", strategy={"canary": {"steps": STEPS}})
        began = time.monotonic()
        stage.until(Phase.HEALTHY, "2")
        # It takes some 15 s; one that waited for that clock would take two minutes at every step.
        assert time.monotonic() - began < AHEAD - 30
        assert stage.history() == [("1", "Live"), ("2", "Promoted")]
        assert stage.play.unserved == 0


FLEET = 50
ANALYSIS = {
    "interval": "1s",
    "noDataTimeout": "10s",
    "checks": [{"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 10.0}}],
}
OUTAGE = 20
"""Seconds without Prometheus, and ticks: twice `noDataTimeout`, as ten minutes are by default."""


def test_an_outage_of_ten_minutes_ends_none_of_fifty_healthy_rollouts(
    server: ApiServer, tmp_path: Path
) -> None:
    """A thirtieth of the time, `noDataTimeout` and all; a tick is a second instead of 15."""

    def decided(stage: Stage, reason: str) -> None:
        stage.when(lambda status: status["decision"]["reason"] == reason, 300)

    with staged(server, tmp_path) as first, prometheus_proxy(first.play.prometheus) as proxy:
        first.play.rate, first.play.pace = 30.0, 0.5
        for version in ("1", "2"):
            # One in a hundred may be rolled back by chance, and here are fifty.
            first.play.behave(version).errors = 0.0
        stages = [first.another(f"one-{number}") for number in range(FLEET)]
        first.start(prometheus=proxy.url)
        for stage in stages:
            stage.apply("1", analysis=ANALYSIS)
        for stage in stages:
            stage.until(Phase.HEALTHY, "1")
        steps = [{"weight": 20, "hold": "60m"}]
        for stage in stages:
            stage.apply("2", analysis=ANALYSIS, strategy={"canary": {"steps": steps}})
        for stage in stages:
            decided(stage, "StepHolds")
        before = [stage.weights() for stage in stages]
        proxy.change = away
        time.sleep(OUTAGE)
        for stage, weights in zip(stages, before, strict=True):
            status = stage.status()
            assert status["phase"] == Phase.PROGRESSING
            assert status["decision"]["action"] == "Hold"
            assert status["decision"]["reason"] == "PrometheusUnavailable"
            assert stage.weights() == weights
        proxy.change = lambda answer: answer
        for stage in stages:
            decided(stage, "StepHolds")
            assert stage.history() == [("1", "Live")]
