"""What clusters do to controllers: a rollout goes on from where its resource says it was."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.api import Phase
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.faults import Fault, Proxy, proxy_before
from tests.cluster.stage import Stage, staged
from tests.local.receiver import listening, says

WRITES = ("PUT", "PATCH", "POST", "DELETE")
ENDED = (Phase.HEALTHY, Phase.ROLLED_BACK)
HISTORY = [("1", "Live"), ("2", "Promoted")]


@pytest.fixture
def stage(server: ApiServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(server, tmp_path) as one:
        yield one


def killed_after_every_write(
    stage: Stage,
    proxy: Proxy,
    wanted: list[tuple[str, str]],
    more: tuple[str, ...] = ("--alone",),
    **spec: Any,
) -> int:
    """Have a controller killed after each of its writes in turn, until the history is as wanted.

    Returns:
        How many writes there were.
    """
    (_, (version, _)) = wanted
    kills, asked = 0, False
    while stage.history() != wanted or stage.status()["phase"] not in ENDED:
        assert kills < 200, stage.status().get("decision")
        process = stage.spawn("one", *more, kubeconfig=proxy.kubeconfig)
        # One write, which lands; nobody ever hears of the answer.
        fault = Fault(methods=WRITES, lost=True, then=process.kill)
        proxy.faults[:] = [fault]
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            if not asked and stage.history() == wanted[:1]:
                stage.apply(version, **spec)
                asked = True
            if stage.history() == wanted:
                break
            time.sleep(0.02)
        kills += fault.landed
        process.kill()
        process.wait(60)
    proxy.faults.clear()
    return kills


@pytest.mark.timeout(900)
def test_killed_after_every_single_write_a_rollout_ends_as_if_nothing_had_been(
    stage: Stage, server: ApiServer, tmp_path: Path
) -> None:
    with proxy_before(server, tmp_path) as proxy:
        stage.apply("1")
        kills = killed_after_every_write(stage, proxy, HISTORY)
    assert stage.history() == HISTORY
    assert kills > 20
    stage.spawn("one", "--alone")
    stage.when(lambda _: stage.weights() == {"2": 100})
    eventually(lambda: len(stage.cluster.list(DEPLOYMENT, stage.namespace)[0]) == 1)


@pytest.mark.timeout(900)
def test_killed_after_every_single_write_a_bad_one_is_rolled_back_and_told_once(
    stage: Stage, server: ApiServer, tmp_path: Path
) -> None:
    history = [("1", "Live"), ("b", "RolledBack")]
    stage.play.behave("b").errors = 0.3
    with listening() as chat, listening() as events, proxy_before(server, tmp_path) as proxy:
        chat.answer = events.answer = says({})
        addresses = tmp_path / "addresses"
        addresses.mkdir()
        (addresses / "team").write_text(chat.url, encoding="utf-8")
        told = [{"slack": {"key": "team"}}, {"cloudEvents": {"url": events.url}}]
        more = ("--alone", "--addresses", str(addresses))
        stage.apply("1", notifications=told)
        kills = killed_after_every_write(stage, proxy, history, more, notifications=told)
        stage.spawn("one", *more)
        stage.when(lambda status: not status.get("news"))
        assert stage.history() == history
        assert kills > 10
        stage.when(lambda _: stage.weights() == {"1": 100})
        # An event may come again, as the same one; a chat is never told twice.
        by_identity = {event["id"]: event for _, _, event in events.seen}
        assert all(by_identity[event["id"]] == event for _, _, event in events.seen)
        assert "dev.headrace.rollout.rolledback" in {e["type"] for e in by_identity.values()}
        texts = [body["text"] for _, _, body in chat.seen]
        assert len(texts) == len(set(texts))
        told_of = [(e["type"], e["subject"]) for e in by_identity.values()]
        assert len(told_of) == len(set(told_of)), "one event for each decision"


def test_a_minute_without_the_api_server_changes_nothing_but_the_time(
    stage: Stage, server: ApiServer, tmp_path: Path
) -> None:
    with proxy_before(server, tmp_path) as proxy:
        stage.spawn("one", "--alone", kubeconfig=proxy.kubeconfig)
        stage.go_live()
        stage.apply("2")
        stage.when(lambda _: stage.weights().get("2", 0) > 0)
        weights = stage.weights()
        proxy.go_away()
        time.sleep(60)
        assert stage.weights() == weights
        proxy.come_back()
        stage.until(Phase.HEALTHY, "2")
    assert stage.history() == HISTORY
    assert stage.play.unserved == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(methods=WRITES, code=409, times=3),
        Fault(methods=WRITES, code=429, headers={"Retry-After": "1"}, times=3),
        Fault(methods=WRITES, code=500, times=3),
        Fault(methods=WRITES, delay=3.0, times=3),
        Fault(methods=("GET",), watches=True, code=410, times=5),
    ],
    ids=["conflicts", "too_many_requests", "server_errors", "slow_answers", "expired_watches"],
)
def test_an_api_server_that_stumbles_costs_time_and_nothing_else(
    stage: Stage, server: ApiServer, tmp_path: Path, fault: Fault
) -> None:
    with proxy_before(server, tmp_path) as proxy:
        stage.spawn("one", "--alone", kubeconfig=proxy.kubeconfig)
        stage.go_live()
        proxy.faults.append(fault)
        stage.apply("2")
        if fault.watches:
            proxy.cut()
        stage.until(Phase.HEALTHY, "2")
        assert fault.met
    assert stage.history() == HISTORY
    assert stage.play.unserved == 0


def test_the_standby_takes_over_within_fifteen_seconds_of_the_leaders_death(stage: Stage) -> None:
    lease = ("--lease-namespace", stage.namespace, "--lease-name", "controllers")
    leader = stage.spawn("one", *lease)
    stage.go_live()
    stage.spawn("two", *lease)
    time.sleep(5)
    stage.apply("2")
    stage.when(lambda status: "candidate" in status)
    leader.send_signal(signal.SIGKILL)
    died, before = time.monotonic(), stage.status()
    stage.when(lambda status: status != before)
    assert time.monotonic() - died < 30, "twelve of the lease, and some for a loaded machine"
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == HISTORY


def test_a_rollout_that_is_deleted_on_its_way_leaves_the_stable_version_serving(
    stage: Stage,
) -> None:
    stage.spawn("one", "--alone")
    stage.go_live()
    stage.apply("2")
    stage.when(lambda _: stage.weights().get("2", 0) > 0)
    found = stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name)
    assert found is not None
    stage.cluster.delete(MODEL_ROLLOUT, stage.namespace, stage.name, found["metadata"]["uid"])
    eventually(lambda: stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name) is None)
    assert stage.weights() == {"1": 100}
    for kind in (DEPLOYMENT, HTTP_ROUTE):
        left, _ = stage.cluster.list(kind, stage.namespace)
        assert [each["metadata"].get("ownerReferences") for each in left] == [None]
    assert stage.play.unserved == 0


def test_a_new_version_on_the_way_takes_the_place_of_the_one_under_test(stage: Stage) -> None:
    stage.spawn("one", "--alone")
    stage.go_live()
    stage.apply("2")
    stage.when(lambda _: stage.weights().get("2", 0) > 0)
    stage.apply("3")
    stage.until(Phase.HEALTHY, "3")
    assert [(v, o) for v, o in stage.history() if v != "1"] == [
        ("2", "Superseded"),
        ("3", "Promoted"),
    ]
    assert stage.play.unserved == 0


def test_of_two_leaders_at_once_only_one_acts(stage: Stage) -> None:
    """Both believe that they are alone, as after a clock that stood still."""
    stage.start("one")
    stage.start("two")
    stage.go_live()
    stage.apply("2")
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == HISTORY
    assert stage.play.unserved == 0
    stage.play.behave("b").errors = 0.3
    stage.apply("b")
    stage.until(Phase.ROLLED_BACK, "2")
    assert stage.history() == [*HISTORY, ("b", "RolledBack")]
    assert stage.weights() == {"2": 100}
    reasons = [event["reason"] for event in stage.events()]
    assert not {"StatusUndone", "EditUndone"} & set(reasons)


def test_a_node_that_is_drained_is_seen_and_blames_no_version(stage: Stage) -> None:
    stage.start()
    stage.apply("1", serving={"replicas": 2})
    stage.until(Phase.HEALTHY, "1")
    steps = [{"weight": 20, "hold": "1s"}, {"weight": 25, "hold": "60m"}]
    stage.apply("2", serving={"replicas": 2}, strategy={"canary": {"steps": steps}})
    stage.when(lambda _: stage.weights() == {"1": 75, "2": 25})

    def ready(status: dict[str, Any]) -> dict[str, int]:
        return {each["version"]: each.get("ready", 0) for each in status["servers"]}

    # The budgets leave one pod of each version at a time.
    stage.play.behave("1").pods = stage.play.behave("2").pods = 1
    stage.when(lambda status: ready(status) == {"1": 1, "2": 1})
    assert stage.weights() == {"1": 75, "2": 25}
    # The other node goes, too, with all that the candidate has.
    stage.play.behave("2").pods = 0
    status = stage.when(lambda status: status["decision"]["reason"] == "CandidateNotReady")
    assert status["phase"] == Phase.PROGRESSING
    stage.when(lambda _: stage.weights()["1"] == 100)
    stage.play.behave("1").pods = stage.play.behave("2").pods = 2
    stage.when(lambda _: stage.weights() == {"1": 75, "2": 25})
    stage.apply("2", serving={"replicas": 2}, strategy={"canary": {"steps": steps[:1]}})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == HISTORY
