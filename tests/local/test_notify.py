"""Notifications over a real wire: each decision once, whatever the receivers do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headrace.api import CloudEvents, Notification, Slack
from headrace.controller.notify import PATIENCE, Notifier
from headrace.controller.posting import Poster
from tests.local.receiver import Receiver, hangs_up, listening, says
from tests.unit.engine.rollouts import live

INTERVAL = 15.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as running:
        running.answer = says({})
        yield running


@pytest.fixture
def poster() -> Iterator[Poster]:
    with closing(Poster()) as running:
        yield running


class Telling:
    """A rollout whose decisions are told after every tick."""

    def __init__(self, poster: Poster, folder: Path, *receivers: Notification) -> None:
        self.said: list[str] = []
        self.world = live(steps="[{weight: 5, hold: 60s}, {weight: 50, hold: 60s}]")
        self.world.edit(notifications=list(receivers))
        self._poster, self._folder = poster, folder
        self.notifier = self.restarted()
        self.world.want("2")

    def restarted(self) -> Notifier:
        self.notifier = Notifier(
            self._poster, self._folder, lambda rollout, why: self.said.append(f"{rollout}: {why}")
        )
        return self.notifier

    def tick(self) -> None:
        self.world.tick()
        delivered = self.notifier.follow(self.world.rollout, self.world.clock.now)
        self.world.told, self.world.telling = delivered.told, delivered.telling
        # The letters arrive before the next tick, as they do in 15 seconds.
        for future in self.notifier.under_way():
            future.exception(timeout=300)

    def until(self, reason: str) -> None:
        for _ in range(200):
            self.tick()
            decision = self.world.status.decision
            if decision is not None and decision.reason == reason:
                return
        raise AssertionError(reason)


def events(url: str) -> Notification:
    return Notification(cloud_events=CloudEvents(url=url))


def test_every_decision_arrives_once_as_a_cloud_event(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    telling = Telling(poster, tmp_path, events(f"{receiver.url}/events"))
    telling.until("ProvedSafe")
    for _ in range(20):
        telling.tick()
    assert telling.world.status.news == []
    types = [body["type"] for _, _, body in receiver.seen]
    assert types == [
        "dev.headrace.rollout.advanced",
        "dev.headrace.rollout.advanced",
        "dev.headrace.rollout.promoted",
    ]
    path, headers, event = receiver.seen[-1]
    assert path == "/events"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert event["specversion"] == "1.0"
    assert event["source"] == (
        "/apis/headrace.dev/v1alpha1/namespaces/models/modelrollouts/flight-delay"
    )
    assert event["subject"] == event["data"]["version"] == "2"
    assert event["data"]["reason"] == "ProvedSafe"
    assert "every required check is proved" in event["data"]["message"]
    assert len({body["id"] for _, _, body in receiver.seen}) == 3


def test_a_slack_message_says_why_in_one_sentence_and_commands_nothing(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    (tmp_path / "models.team").write_text(f"{receiver.url}/hooks/secret\n", encoding="utf-8")
    telling = Telling(poster, tmp_path, Notification(slack=Slack(key="team")))
    for _ in range(4):
        telling.tick()
    assert telling.world.status.news == []
    ((path, _, body),) = receiver.seen
    assert path == "/hooks/secret"
    assert body == {"text": "*models/flight-delay* 2: Advance: flight-delay 2 starts beside 1"}


def test_a_namespaces_own_address_comes_before_the_one_for_all(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    (tmp_path / "team").write_text(f"{receiver.url}/all", encoding="utf-8")
    telling = Telling(poster, tmp_path, Notification(slack=Slack(key="team")))
    for _ in range(2):
        telling.tick()
    (tmp_path / "models.team").write_text(f"{receiver.url}/ours", encoding="utf-8")
    telling.until("StepHeld")
    telling.tick()
    assert [path for path, _, _ in receiver.seen] == ["/all", "/ours"]


@pytest.mark.parametrize("failure", [says({}, 503), says({}, 429), hangs_up])
def test_a_receiver_that_fails_is_told_later_and_the_others_are_not_told_twice(
    failure: object, receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    with listening() as other:
        other.answer = says({})
        telling = Telling(poster, tmp_path, events(receiver.url), events(other.url))
        receiver.answer = failure  # type: ignore[assignment]
        for _ in range(8):
            telling.tick()
        assert len(receiver.seen) > 1
        assert len({body["id"] for _, _, body in receiver.seen}) <= 2
        receiver.answer = says({})
        for _ in range(40):
            telling.tick()
        assert telling.world.status.news == []
        ids = [body["id"] for _, _, body in other.seen]
        assert len(ids) == len(set(ids))
        assert {body["id"] for _, _, body in receiver.seen} == set(ids)
        assert len([line for line in telling.said if "was not told yet" in line]) <= len(ids)


def test_a_receiver_that_refuses_is_not_asked_again(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    receiver.answer = says({}, 404)
    telling = Telling(poster, tmp_path, events(receiver.url))
    for _ in range(5):
        telling.tick()
    assert len(receiver.seen) == 1
    assert telling.world.status.news == []
    assert telling.said == [
        f"models/flight-delay: cloudEvents {receiver.url} refused a notification: it answered 404"
    ]


def test_a_receiver_that_never_answers_is_given_up(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    receiver.answer = says({}, 500)
    telling = Telling(poster, tmp_path, events(receiver.url))
    telling.world.metrics.script.requests = 1.0
    for _ in range(int(PATIENCE / INTERVAL) + 30):
        telling.tick()
    assert telling.world.status.news == []
    assert telling.said[-1].endswith("was not told: it answered 500")
    assert len(receiver.seen) < 25


def test_a_key_without_an_address_is_said_once_and_tried_again(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    telling = Telling(poster, tmp_path, Notification(slack=Slack(key="team")))
    for _ in range(4):
        telling.tick()
    assert telling.said == [
        "models/flight-delay: slack team was not told yet: the controller has no address team"
    ]
    (tmp_path / "team").write_text("not an address", encoding="utf-8")
    for _ in range(4):
        telling.tick()
    (tmp_path / "team").write_text(receiver.url, encoding="utf-8")
    for _ in range(20):
        telling.tick()
    assert telling.world.status.news == []
    assert receiver.seen


def test_nobody_is_told_before_the_status_says_that_somebody_is_being_told(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    telling = Telling(poster, tmp_path, events(receiver.url))
    telling.tick()
    (news,) = telling.world.status.news
    assert (news.begun, receiver.seen) == (False, [])
    telling.tick()
    (news,) = telling.world.status.news
    assert news.begun
    assert len(receiver.seen) == 1


def test_after_a_crash_the_same_news_come_with_the_same_identity(
    receiver: Receiver, poster: Poster, tmp_path: Path
) -> None:
    telling = Telling(poster, tmp_path, events(receiver.url))
    for _ in range(2):
        telling.tick()
    # It was killed before the status said that it was told.
    telling.world.told = telling.world.telling = frozenset()
    telling.restarted()
    for _ in range(4):
        telling.tick()
    first, second = (body for _, _, body in receiver.seen)
    assert json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert telling.world.status.news == []


@pytest.mark.parametrize(("ticks", "told"), [(1, 1), (2, 1)], ids=["before it", "after it"])
def test_a_chat_is_never_told_twice_whenever_the_teller_was_killed(
    receiver: Receiver, poster: Poster, tmp_path: Path, ticks: int, told: int
) -> None:
    (tmp_path / "team").write_text(receiver.url, encoding="utf-8")
    telling = Telling(poster, tmp_path, Notification(slack=Slack(key="team")))
    for _ in range(ticks):
        telling.tick()
    telling.world.told = telling.world.telling = frozenset()
    telling.restarted()
    for _ in range(4):
        telling.tick()
    assert len(receiver.seen) == told
    assert telling.world.status.news == []
    assert len(telling.said) == (ticks == 2), "it says that somebody may not have heard"
