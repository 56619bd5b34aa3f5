"""What names of a router's counters have meant, and since when."""

from __future__ import annotations

from typing import Any

from headrace.api import Challenger, Dropped, ModelRollout, Traffic, Weights
from headrace.controller.asking import local_envoy, request_of, with_names
from headrace.controller.tick import tick
from headrace.engine.answer import plan_of
from headrace.engine.decision import Action, Decision, Tick
from headrace.render.counters import counters_of
from headrace.testing import FakeMetrics, FakePlatform
from tests.unit.render.rollouts import built, model

OLD, NEW, THIRD = model("6"), model("7"), model("8")
ROUTE = "httproute/models/flight-delay/rule/"
SPLIT = Traffic(stable=90, candidate=10)
ALL = Traffic(stable=100)


def with_status(rollout: ModelRollout, **status: Any) -> ModelRollout:
    return rollout.model_copy(update={"status": rollout.status.model_copy(update=status)})


def carried(traffic: Traffic) -> Weights:
    return Weights(asked=traffic, seen=traffic)


def ticked(rollout: ModelRollout, now: float, **status: Any) -> ModelRollout:
    """Let a tick end with this status."""
    after = rollout.status.model_copy(update=status)
    plan = plan_of(rollout.spec, after, after.weights.asked)
    answer = Tick(Decision(Action.HOLD, "Holding", ""), plan, after)
    named = with_names(rollout, answer, now, counters_of)
    return rollout.model_copy(update={"status": named.status})


def names(rollout: ModelRollout, metric: str = "requests") -> dict[str, tuple[str, float | None]]:
    counted = (each for each in rollout.status.counted if each.metric == metric)
    return {each.name.removeprefix(ROUTE): (each.version, each.since) for each in counted}


def test_a_name_counts_from_the_tick_at_which_the_router_is_seen_to_carry_it() -> None:
    rollout = ticked(built(), 10.0, stable=OLD, candidate=NEW, weights=Weights(asked=SPLIT))
    before = {"0/backend/0": ("6", None), "1/backend/0": ("6", None), "1/backend/1": ("7", None)}
    assert names(rollout) == before
    rollout = ticked(rollout, 20.0)
    assert names(rollout) == before
    rollout = ticked(rollout, 30.0, weights=carried(SPLIT))
    rollout = ticked(rollout, 40.0)
    assert names(rollout) == {name: (version, 30.0) for name, (version, _) in before.items()}


def test_what_the_router_carried_before_a_plan_proves_nothing_of_it() -> None:
    rollout = ticked(built(), 10.0, stable=OLD, candidate=NEW, weights=carried(SPLIT))
    assert names(rollout)["1/backend/1"] == ("7", None)


def test_a_promotion_makes_the_first_position_another_version() -> None:
    rollout = ticked(built(), 10.0, stable=OLD, candidate=NEW, weights=carried(SPLIT))
    rollout = ticked(rollout, 20.0)
    rollout = ticked(rollout, 30.0, stable=NEW, candidate=None, weights=carried(ALL))
    assert names(rollout) == {"0/backend/0": ("7", None)}
    rollout = ticked(rollout, 40.0)
    assert names(rollout) == {"0/backend/0": ("7", 40.0)}


def test_stable_keeps_its_past_when_a_rollout_begins() -> None:
    all_stable = carried(ALL)
    rollout = ticked(built(), 10.0, stable=OLD, weights=all_stable)
    rollout = ticked(rollout, 20.0)
    rollout = ticked(rollout, 5000.0, candidate=NEW)
    assert names(rollout) == {"0/backend/0": ("6", 20.0)}
    rollout = ticked(rollout, 5010.0, weights=Weights(asked=SPLIT, seen=ALL))
    assert names(rollout) == {
        "0/backend/0": ("6", 20.0),
        "1/backend/0": ("6", None),
        "1/backend/1": ("7", None),
    }


def test_a_request_leaves_out_names_that_are_not_known_to_be_carried() -> None:
    rollout = ticked(built(), 10.0, stable=OLD, weights=carried(ALL))
    rollout = ticked(rollout, 20.0)
    rollout = ticked(rollout, 30.0, candidate=NEW, weights=Weights(asked=SPLIT))
    request = request_of(rollout, 40.0, counters_of)
    assert request is not None
    assert request.counters.requests.versions == {f"{ROUTE}0/backend/0": "6"}
    rollout = ticked(rollout, 40.0, weights=carried(SPLIT))
    request = request_of(rollout, 50.0, counters_of)
    assert request is not None
    assert request.counters.requests.since == {
        f"{ROUTE}0/backend/0": 20.0,
        f"{ROUTE}1/backend/0": 40.0,
        f"{ROUTE}1/backend/1": 40.0,
    }
    assert request.counters.latency.since == request.counters.requests.since


def test_copies_and_live_requests_in_one_counter_are_told_apart_by_time() -> None:
    rollout = built(backend="Seldon", router="Seldon")
    copies = carried(Traffic(stable=100, mirror=20))
    rollout = ticked(rollout, 10.0, stable=OLD, candidate=NEW, weights=copies)
    rollout = ticked(rollout, 20.0)
    rollout = ticked(rollout, 30.0, weights=Weights(asked=SPLIT, seen=copies.seen))
    assert [v for v, _ in names(rollout, "mirrored").values()] == ["6"]
    assert sorted(names(rollout).values(), key=str) == [("6", 20.0), ("7", None)]
    rollout = ticked(rollout, 40.0, weights=carried(SPLIT))
    assert sorted(names(rollout).values()) == [("6", 20.0), ("7", 40.0)]


def test_the_local_envoys_names_need_no_memory() -> None:
    rollout = with_status(built(), stable=OLD, candidate=NEW, weights=carried(SPLIT))
    plan = plan_of(rollout.spec, rollout.status, SPLIT)
    answer = Tick(Decision(Action.HOLD, "Holding", ""), plan, rollout.status)
    assert with_names(rollout, answer, 10.0, local_envoy) is answer
    request = request_of(rollout, 10.0)
    assert request is not None
    assert request.counters.requests.versions == {
        "models/flight-delay/6/live": "6",
        "models/flight-delay/7/live": "7",
    }


def test_the_local_envoy_still_counts_for_a_version_that_was_dropped() -> None:
    out = Dropped(version="8", reason="R", message="")
    rollout = with_status(
        built(), stable=OLD, candidate=NEW, challengers=[Challenger(model=THIRD)], dropped=[out]
    )
    request = request_of(rollout, 10.0)
    assert request is not None
    assert sorted(request.counters.requests.versions.values()) == ["6", "7", "8"]


def test_nothing_is_asked_while_nothing_is_under_test() -> None:
    assert request_of(with_status(built(), stable=OLD), 10.0) is None
    assert request_of(with_status(built(), candidate=NEW), 10.0) is None


def test_a_tick_of_a_cluster_keeps_the_names_in_the_status() -> None:
    platform = FakePlatform()
    rollout = with_status(built(), stable=OLD)
    for now in (10.0, 20.0, 30.0):
        answer = tick(rollout, FakeMetrics(platform), platform, now, counters_of=counters_of)
        rollout = rollout.model_copy(update={"status": answer.status})
    assert names(rollout)["0/backend/0"] == ("6", 30.0)
    assert names(rollout, "mirrored")["0-mirror-0"] == ("7", 30.0)
