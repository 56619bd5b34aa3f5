from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from headrace.controller.store import RolloutStore
from headrace.errors import PermanentError, TemporaryError
from tests.unit.engine.rollouts import World, live

STEPS = "[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]"


def waiting() -> World:
    world = live(steps=STEPS)
    world.want("2")
    world.until("WaitingForApproval")
    return world


def rolled_back() -> World:
    world = waiting()
    world.metrics.script.candidate_errors = 0.4
    world.until("ErrorRateWorse")
    for _ in range(10):
        world.tick()
    return world


def run(
    function: Callable[..., Any], folder: Path, world: World, version: str, **more: Any
) -> tuple[str, dsl.HTML]:
    store = RolloutStore(folder / "models" / "flight-delay")
    store.apply(world.rollout)
    store.write_status(world.status)
    page = dsl.HTML(uri=str(folder / "page.html"))
    outcome: str = function(
        rollout="models/flight-delay",
        version=version,
        page=page,
        reason=str(folder / "reason"),
        message=str(folder / "message"),
        target=folder.as_uri().replace("file:", "local:"),
        timeout="300ms",
        interval="50ms",
        **more,
    )
    return outcome, page


def test_a_version_that_is_live(component: Callable[..., Any], tmp_path: Path) -> None:
    outcome, page = run(component, tmp_path, live(), "1")
    assert outcome == "Promoted"
    assert page.metadata["outcome"] == "Promoted"
    assert (tmp_path / "reason").read_text() == page.metadata["reason"]
    assert (tmp_path / "message").read_text() == page.metadata["message"]
    assert "models/flight-delay" in Path(page.path).read_text("utf-8")


def test_a_version_that_was_rolled_back_fails_the_task(
    component: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(PermanentError, match="RolledBack: ErrorRateWorse: "):
        run(component, tmp_path, rolled_back(), "2")
    # It is there for whoever looks at the files of a failed task.
    assert "ErrorRateWorse" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("world", "more", "outcome"),
    [
        pytest.param(rolled_back, {}, "RolledBack", id="rolled back"),
        pytest.param(waiting, {"until_paused": True}, "Paused", id="paused"),
        pytest.param(waiting, {}, "TimedOut", id="not in time"),
    ],
)
def test_other_endings_are_outcomes_where_that_is_asked_for(
    component: Callable[..., Any],
    tmp_path: Path,
    world: Callable[[], World],
    more: dict[str, bool],
    outcome: str,
) -> None:
    ended, page = run(component, tmp_path, world(), "2", must_be_promoted=False, **more)
    assert ended == outcome
    assert page.metadata["outcome"] == outcome


def test_waiting_in_vain_may_be_tried_again(component: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="TimedOut"):
        run(component, tmp_path, waiting(), "2")
