"""Rollouts are followed to their end, with the real engine and a clock that is turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.api import ModelRollout, Phase
from headrace.controller.records import record
from headrace.controller.store import RolloutStore
from headrace.delivery.await_rollout import (
    await_rollout,
    page_of,
    patience_of,
    require_promotion,
)
from headrace.delivery.following import Followed, Patience, follow
from headrace.engine.observations import Wish
from headrace.errors import InvalidInput, NotFound, PermanentError, PlatformUnavailable
from headrace.report.journal import append_record
from tests.unit.engine.rollouts import World, live

STEPS = "[{weight: 5, hold: 60s}, {weight: 50, hold: 60s}]"


class Follower:
    """Follows a world: every look is one tick of its controller, while time goes by."""

    def __init__(self, world: World, before: Callable[[int], None] = lambda look: None) -> None:
        self.world, self.before = world, before
        self.looks = 0
        self.said: list[str] = []

    def read(self) -> ModelRollout:
        self.looks += 1
        self.before(self.looks)
        self.world.tick()
        return self.world.rollout

    def sleep(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    def follow(self, version: str = "2", until_paused: bool = False) -> Followed:
        patience = Patience(3600.0, 10.0, until_paused)
        return follow(
            self.read,
            version,
            patience,
            self.said.append,
            clock=lambda: self.world.clock.now,
            sleep=self.sleep,
        )


def trying(**keywords: str) -> World:
    world = live(**({"steps": STEPS} | keywords))
    world.want("2")
    return world


def test_a_version_that_is_promoted() -> None:
    follower = Follower(trying())
    followed = follower.follow()
    assert followed.ending.outcome == "Promoted"
    assert followed.rollout is not None
    assert followed.rollout.status.stable == followed.rollout.spec.model
    assert {record.asked.candidate for record in followed.records} >= {5, 50, 100}
    assert follower.said[-1].startswith("2: Promoted: ")
    require_promotion("models/flight-delay", "2", followed.ending)


def test_a_version_that_is_rolled_back_with_the_numbers() -> None:
    world = trying()
    world.metrics.script.candidate_errors = 0.4
    followed = Follower(world).follow()
    assert (followed.ending.outcome, followed.ending.reason) == ("RolledBack", "ErrorRateWorse")
    with pytest.raises(PermanentError, match=r"RolledBack: ErrorRateWorse: .*%"):
        require_promotion("models/flight-delay", "2", followed.ending)
    page = page_of(followed)
    assert "ErrorRateWorse" in page
    assert "<svg" in page


def test_the_first_version_is_promoted_by_going_live() -> None:
    world = live()
    assert Follower(world).follow("1").ending.outcome == "Promoted"


def test_a_shadow_that_is_discarded() -> None:
    world = trying(strategy="shadow: {mirror: 100, hold: 60s, then: Discard}")
    assert Follower(world).follow().ending.outcome == "Discarded"


def test_a_person_who_aborts() -> None:
    world = trying()

    def abort(look: int) -> None:
        if look == 2:
            world.ask(Wish.ABORT)

    followed = Follower(world, abort).follow()
    assert followed.ending.outcome == "RolledBack"


def test_another_version_supersedes_it() -> None:
    world = trying()

    def replace(look: int) -> None:
        if look == 3:
            world.want("3")

    ending = Follower(world, replace).follow().ending
    assert ending.outcome == "Superseded"


def test_a_commit_that_is_not_in_the_cluster_yet_is_waited_for() -> None:
    world = live(steps=STEPS)

    def commit(look: int) -> None:
        if look == 5:
            world.want("2")

    follower = Follower(world, commit)
    assert follower.follow().ending.outcome == "Promoted"
    assert "models/flight-delay names 1 still" in follower.said


def test_a_rollout_that_does_not_appear_is_waited_for_until_the_timeout() -> None:
    def nobody(look: int) -> None:
        raise NotFound("There is no ModelRollout models/flight-delay.")

    follower = Follower(live(), nobody)
    followed = follower.follow()
    assert followed.ending.outcome == "TimedOut"
    assert "within 1h; waiting for it to appear" in followed.ending.message
    assert "never seen" in page_of(followed)


def test_a_rollout_that_is_deleted_is_not_waited_for() -> None:
    def gone(look: int) -> None:
        if look == 4:
            raise NotFound("There is no ModelRollout models/flight-delay.")

    assert Follower(trying(), gone).follow().ending.outcome == "Deleted"


def test_a_server_that_does_not_answer_is_waited_for() -> None:
    def silent(look: int) -> None:
        if look in (1, 2, 5):
            raise PlatformUnavailable("The API server did not answer.")

    follower = Follower(trying(), silent)
    assert follower.follow().ending.outcome == "Promoted"
    assert "The API server did not answer. Still waiting." in follower.said


@pytest.mark.parametrize("until_paused", [True, False])
def test_a_pause_ends_the_waiting_where_that_is_asked_for(until_paused: bool) -> None:
    world = trying(steps="[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]")
    followed = Follower(world).follow(until_paused=until_paused)
    if until_paused:
        assert (followed.ending.outcome, followed.ending.reason) == ("Paused", "WaitingForApproval")
    else:
        assert followed.ending.outcome == "TimedOut"
    assert followed.rollout is not None
    assert followed.rollout.status.phase is Phase.PAUSED
    with pytest.raises(Exception, match=followed.ending.outcome):
        require_promotion("models/flight-delay", "2", followed.ending)


def test_only_what_changes_is_remembered_and_said() -> None:
    world = trying(steps="[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]")
    world.until("WaitingForApproval")
    follower = Follower(world)
    standing = world.rollout
    followed = follow(
        lambda: standing,
        "2",
        Patience(3600.0, 10.0),
        follower.said.append,
        clock=lambda: world.clock.now,
        sleep=follower.sleep,
    )
    assert len(followed.records) == 1
    assert len(follower.said) == 2


def test_a_challenger_that_the_spec_names_no_more_is_superseded() -> None:
    world = live(strategy="abTest: {split: 50, goal: reward, maxDuration: 14d}")
    world.want("2", "3")

    def replace(look: int) -> None:
        if look == 3:
            world.want("4")

    assert Follower(world, replace).follow("3").ending.outcome == "Superseded"


def test_a_rollout_of_this_machine_is_read_from_its_store(tmp_path: Path) -> None:
    world = trying()
    store = RolloutStore(tmp_path / "models" / "flight-delay")
    store.apply(world.rollout)
    for _ in range(400):
        answer = world.tick()
        append_record(store.journal_file, record(world.rollout, answer, world.clock.now))
    store.write_status(world.status)
    target = tmp_path.as_uri().replace("file:", "local:")
    said: list[str] = []
    followed = await_rollout(
        "models/flight-delay", "2", target, patience_of("1m", "1s"), said.append
    )
    assert followed.ending.outcome == "Promoted"
    assert len(followed.records) == 400
    assert said


@pytest.mark.parametrize(
    ("name", "target", "says"),
    [
        pytest.param("flights", "local:///tmp", "expected namespace/name", id="no namespace"),
        pytest.param("a/b/c", "local:///tmp", "expected namespace/name", id="too many parts"),
        pytest.param("a/b", "file:///tmp", "does not tell how a rollout fares", id="a directory"),
        pytest.param("a/b", "kubernetes:///c", "names the namespace c", id="another namespace"),
        pytest.param("a/b", "nowhere", "is not supported", id="no target"),
    ],
)
def test_what_cannot_be_followed_is_refused(name: str, target: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        await_rollout(name, "2", target, Patience(1.0, 1.0), print)


@pytest.mark.parametrize(("timeout", "interval"), [("soon", "1s"), ("0s", "1s"), ("1h", "-1s")])
def test_a_patience_that_is_none_is_refused(timeout: str, interval: str) -> None:
    with pytest.raises(InvalidInput, match=r"timeout|interval"):
        patience_of(timeout, interval)
