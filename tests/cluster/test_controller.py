"""The controller against a real API server and a real Prometheus; the rest is played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.api import Phase
from tests.cluster.api_server import ApiServer
from tests.cluster.stage import Stage, staged


@pytest.fixture
def stage(server: ApiServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(server, tmp_path) as one:
        yield one


def test_a_first_version_goes_live_and_a_better_one_takes_its_place(stage: Stage) -> None:
    stage.start()
    stage.go_live()
    before = stage.generations()
    stage.apply("2")
    status = stage.until(Phase.HEALTHY, "2")
    assert [(e["version"], e["outcome"]) for e in status["history"]] == [
        ("1", "Live"),
        ("2", "Promoted"),
    ]
    assert stage.play.unserved == 0
    assert stage.play.copies["2"] > 0
    stage.when(lambda _: set(stage.weights()) == {"2"})
    assert set(before.items()) >= {(k, v) for k, v in stage.generations().items() if k in before}
    reasons = {event["reason"] for event in stage.events()}
    assert {"FirstVersionStarts", "FirstVersionLive", "RolloutStarts"} <= reasons


def test_a_worse_one_is_taken_back_with_the_numbers_in_a_sentence(stage: Stage) -> None:
    stage.play.behave("2").errors = 0.3
    stage.start()
    stage.go_live()
    stage.apply("2")
    status = stage.until(Phase.ROLLED_BACK, "1")
    assert "candidate failed" in status["decision"]["message"]
    assert stage.weights() == {"1": 100}
    warnings = [e for e in stage.events() if e["type"] == "Warning"]
    assert any("candidate failed" in event["message"] for event in warnings)
