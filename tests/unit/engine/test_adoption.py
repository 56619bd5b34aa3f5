"""A status that names nobody, while somebody serves the users."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.api import ModelSpec, OnDelete, Phase, Status, Traffic
from headrace.engine.adoption import adoption
from headrace.engine.decision import Action, Tick
from headrace.engine.observations import Ask, Observations, Serving, VersionState, Wish
from headrace.engine.observations import World as Seen
from tests.unit.engine.rollouts import World, live, rollout, under_test

ONE, TWO = rollout("1").spec.model, rollout("2").spec.model
ALL_ONE = Traffic(stable=100)
DOWN = VersionState(wanted=1, ready=0)


def emptied(world: World) -> World:
    world.rollout = world.rollout.model_copy(update={"status": Status()})
    return world


def trying() -> World:
    world = under_test()
    while world.status.weights.asked.candidate != 5:
        world.tick()
    return world


def test_what_serves_is_stable_and_another_version_is_tried_beside_it() -> None:
    world = live()
    world.want("2")
    plans = len(world.platform.plans)
    answer = emptied(world).tick()
    assert answer.decision.reason == "ServingVersionAdopted"
    assert "flight-delay 1 has all of the users" in answer.decision.message
    assert (world.status.stable, world.status.candidate) == (ONE, None)
    assert [(one.version, one.outcome) for one in world.status.history] == [("1", "Live")]
    assert len(world.platform.plans) == plans, "nothing has moved"
    assert world.tick().decision.reason == "RolloutStarts"
    world.until("ProvedSafe")
    world.until("Live")
    carried = [plan.traffic for plan in world.platform.plans[plans:]]
    assert carried[:4] == [
        ALL_ONE,
        Traffic(stable=100, mirror=100),
        Traffic(stable=95, candidate=5),
        Traffic(stable=50, candidate=50),
    ]
    assert world.status.stable == TWO


def test_a_worse_version_that_the_spec_names_still_never_gets_more_than_a_step() -> None:
    world = live()
    world.metrics.script.candidate_errors = 0.2
    world.want("2")
    emptied(world).until("ErrorRateWorse")
    while world.status.phase is not Phase.ROLLED_BACK:
        world.tick()
    assert world.status.stable == ONE


def test_what_serves_and_is_what_the_spec_names_just_goes_on() -> None:
    world = live()
    plans = list(world.platform.plans)
    emptied(world).until("Live")
    assert world.platform.plans == plans
    assert world.status.stable == ONE


@pytest.mark.parametrize(
    ("weights", "stable"),
    [((80, 20), ONE), ((20, 80), TWO), ((50, 50), ONE)],
    ids=["most are with the old one", "most are with the new one", "as many are with both"],
)
def test_of_several_who_has_most_users_is_stable_and_nothing_moves_at_first(
    weights: tuple[int, int], stable: ModelSpec
) -> None:
    serving = tuple(
        Serving(m.version, weight, m) for m, weight in zip((ONE, TWO), weights, strict=True)
    )
    answer = of(Seen(serving=serving))
    assert answer is not None
    assert answer.decision.action is Action.ROLL_BACK
    assert answer.status.stable == stable
    assert answer.status.phase is Phase.ROLLING_BACK
    assert {model.version: weight for model, weight in answer.plan.shares} == {
        "1": weights[0],
        "2": weights[1],
    }


def of(seen: Seen, **more: object) -> Tick | None:
    observations = replace(Observations(world=seen), **more)  # type: ignore[arg-type]
    return adoption(rollout("2").spec, Status(), observations, 1e6)


def test_users_that_several_share_go_back_to_stable_and_the_try_begins_anew() -> None:
    world = emptied(trying())
    assert world.tick().decision.reason == "ServingVersionAdopted"
    world.until("RolloutStarts")
    assert [(one.version, one.outcome) for one in world.status.history] == [
        ("1", "Live"),
        ("2", "Superseded"),
    ]
    world.until("ProvedSafe")
    world.until("Live")
    assert world.status.stable == TWO


def test_users_stay_where_they_are_served_while_stable_has_no_server() -> None:
    world = emptied(trying())
    world.platform.states["1"] = DOWN
    for _ in range(20):
        world.tick()
        assert world.platform.plans[-1].traffic == Traffic(stable=95, candidate=5)
    world.platform.states.clear()
    world.until("RolloutStarts")
    assert world.status.stable == ONE


def older(world: World, at: str) -> World:
    """Have a status of some time ago put back, and no server of what was stable then."""
    world.want("2")
    kept = world.status
    while world.status.weights.asked.candidate != 5:
        world.tick()
    if at == "halfway":
        kept = world.status
    world.until("ProvedSafe")
    world.until("Live")
    world.tick()
    assert world.platform.plans[-1].stable == TWO
    world.platform.states["1"] = DOWN
    if at == "halfway":
        # Of the versions that this status names, the candidate has all users.
        world.platform.traffic = Traffic(candidate=100)
    world.rollout = world.rollout.model_copy(update={"status": kept})
    return world


def test_a_status_of_before_the_last_promotion_takes_no_users_to_where_nobody_is() -> None:
    world = older(live(), "before")
    plans = list(world.platform.plans)
    assert world.tick().decision.reason == "ServingVersionAdopted"
    world.until("Live")
    assert world.platform.plans == plans
    assert [(one.version, one.outcome) for one in world.status.history][-1] == ("2", "Live")


def test_a_status_of_halfway_takes_users_back_once_stable_has_servers() -> None:
    world = older(live(), "halfway")
    for _ in range(5):
        answer = world.tick()
        assert answer.decision.reason == "StableNotReady"
        assert answer.plan.traffic == Traffic(candidate=100)
    world.platform.states.clear()
    world.until("ProvedSafe")
    world.until("Live")
    assert world.status.stable == TWO


def test_a_hand_edit_that_gives_all_users_to_the_previous_version_is_no_reason_to_adopt_it() -> (
    None
):
    world = live(strategy="blueGreen: {prePromotion: {hold: 1m}, keepPrevious: 1h}")
    world.want("2")
    world.until("ProvedSafe")
    world.until("Live")
    status = world.status
    assert status.previous is not None
    seen = Seen(versions={"2": DOWN, "1": VersionState(1, 1)}, serving=(Serving("one", 100, ONE),))
    assert adoption(world.rollout.spec, status, Observations(world=seen), 1e6) is None


def test_nothing_is_adopted_of_a_first_version_that_was_rolled_back() -> None:
    world = World(rollout("1"))
    world.platform.slow = True
    world.platform.states["1"] = VersionState(wanted=1, ready=0, refused="DigestMismatch: wrong")
    world.until("DigestMismatch")
    world.platform.plans.append(world.platform.plans[0])
    assert world.tick().decision.reason == "DigestMismatch"
    assert world.status.stable is None


def test_nothing_begins_before_it_is_known_what_runs() -> None:
    world = live()
    world.want("2")
    emptied(world).platform.down = "the API server does not answer"
    plans = list(world.platform.plans)
    assert world.tick().decision.reason == "PlatformUnavailable"
    assert world.tick().plan.as_it_is
    world.platform.down = ""
    assert world.tick().decision.reason == "ServingVersionAdopted"
    assert world.platform.plans == plans


@pytest.mark.parametrize("how", ["suspended", "deleting"])
def test_users_keep_what_serves_them_while_the_rollout_is(how: str) -> None:
    world = emptied(live())
    world.want("2")
    if how == "suspended":
        world.edit(suspended=True)
    else:
        world.deleting = world.clock.now
    for _ in range(3):
        answer = world.tick()
        assert answer.plan.stable == ONE
        assert answer.plan.traffic == ALL_ONE
    assert answer.farewell == (how == "deleting")


FOREIGN = Seen(serving=(Serving("flights-legacy", 100),))


def test_what_serves_and_is_no_version_is_left_alone_until_a_person_says_what_to_do() -> None:
    answer = of(FOREIGN)
    assert answer is not None
    assert (answer.decision.reason, answer.plan.as_it_is) == ("ServingVersionUnknown", True)
    assert "flights-legacy" in answer.decision.message
    stalled = next(each for each in answer.status.conditions if each.type == "Stalled")
    assert stalled.status == "True"
    assert of(FOREIGN, ask=Ask(Wish.PROMOTE, "one", "ada")) is not None
    assert of(FOREIGN, ask=Ask(Wish.PROMOTE_FULL, "one", "ada")) is None


def first(seen: Seen) -> Tick | None:
    """Tell of a status by which version 2 is the first one, and on its way."""
    status = Status(phase=Phase.PROGRESSING, candidate=TWO, started=1e6 - 60)
    return adoption(rollout("2").spec, status, Observations(world=seen), 1e6)


def test_what_serves_beside_a_first_version_is_stable_and_that_one_begins_anew() -> None:
    answer = first(Seen(serving=(Serving("one", 80, ONE, is_ready=True), Serving("two", 20, TWO))))
    assert answer is not None
    assert answer.decision.reason == "ServingVersionAdopted"
    assert (answer.status.stable, answer.status.candidate) == (ONE, TWO)
    assert answer.status.phase is Phase.ROLLING_BACK
    assert answer.plan.traffic == Traffic(stable=80, candidate=20)
    alone = first(Seen(serving=(Serving("one", 100, ONE, is_ready=True),)))
    assert alone is not None
    assert (alone.status.stable, alone.status.candidate) == (ONE, None)
    assert alone.plan.traffic == ALL_ONE


@pytest.mark.parametrize(
    "serving",
    [
        (),
        (Serving("two", 100, TWO, is_ready=True),),
        (Serving("one", 100, ONE),),
        (Serving("flights-legacy", 100, is_ready=True),),
    ],
    ids=[
        "nobody serves",
        "it serves",
        "the one that the spec named before it has no server either",
        "what serves is no version",
    ],
)
def test_a_first_version_goes_on_where(serving: tuple[Serving, ...]) -> None:
    assert first(Seen(serving=serving)) is None


def test_what_is_no_version_outlives_a_rollout_that_is_deleted() -> None:
    early, late = of(FOREIGN, deleting=1e6 - 1), of(FOREIGN, deleting=1e6 - 301)
    assert early is not None
    assert late is not None
    assert (early.farewell, late.farewell, late.plan.as_it_is) == (False, True, True)


def test_all_goes_with_a_rollout_that_says_so() -> None:
    spec = rollout("2").spec.model_copy(update={"on_delete": OnDelete.DELETE})
    assert adoption(spec, Status(), Observations(world=FOREIGN, deleting=1e6), 1e6) is None
