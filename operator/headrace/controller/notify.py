"""Tells people and other systems of decisions: CloudEvents 1.0, and Slack's incoming webhooks.

What is to be told is in the rollout's status and stays there until it was told, so that nothing is
forgotten in a crash. The status says that telling has begun before anybody is told. Whoever begins
anew and finds it so tells again those who know news by its identity, and nobody else: a message in
a chat that is lost once in a while does less harm than one that is not true any more.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from re import fullmatch
from typing import Any

from headrace.api import ModelRollout, News, Notification
from headrace.api.fields import format_instant
from headrace.api.gate import URL
from headrace.controller.posting import Poster, Reply
from headrace.errors import TemporaryError

TIMEOUT = 10.0
"""Seconds that a receiver may take."""

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0
PATIENCE = 3600.0
"""Seconds after which a receiver that does not answer is not told any more."""

_LASTING = (408, 429)
"""Codes below 500 that the same request may not meet again."""

EVENT_TYPES = {
    "Advance": "dev.headrace.rollout.advanced",
    "Pause": "dev.headrace.rollout.paused",
    "Drop": "dev.headrace.rollout.dropped",
    "Promote": "dev.headrace.rollout.promoted",
    "Discard": "dev.headrace.rollout.discarded",
    "RollBack": "dev.headrace.rollout.rolledback",
    "Stalled": "dev.headrace.rollout.stalled",
}
"""By the action of the news."""


class _NoAddress(Exception):
    """The controller has no address under this key."""


@dataclass(slots=True)
class _Letter:
    """News on its way to one receiver.

    Attributes:
        since: When it was tried first, Unix seconds.
        due: When it is tried next, Unix seconds.
        pause: Seconds until then.
        pending: What is under way.
        over: Whether it was told, or never will be.
    """

    since: float
    due: float
    pause: float = _FIRST_PAUSE
    pending: Future[Reply] | None = None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far the news of a rollout have come.

    Attributes:
        told: Identities of those that every receiver has, or never will have: the next tick's
            `Observations.told`.
        telling: Identities of those that are sent once the status says that they have begun: the
            next tick's `Observations.telling`.
    """

    told: frozenset[str] = frozenset()
    telling: frozenset[str] = frozenset()


_Mail = dict[tuple[str, int], _Letter]
"""All letters of one rollout, by the news' identity and the receiver's place in the spec."""


class Notifier:
    """Delivers the news of all rollouts, beside the ticks."""

    def __init__(
        self,
        poster: Poster,
        folder: Path | None,
        say: Callable[[str, str], None],
        wake: Callable[[str], None] = lambda rollout: None,
    ) -> None:
        """Send nothing yet.

        Args:
            poster: Sends.
            folder: Holds addresses that are secrets, a file each: `<namespace>.<key>`, or `<key>`
                for all namespaces. None where there are none.
            say: Is told, with the rollout's key, why somebody could not be told.
            wake: Is called with a rollout's key when there is something to do, from any thread.
        """
        self._poster, self._folder, self._say, self._wake = poster, folder, say, wake
        self._mail: dict[str, _Mail] = {}

    def follow(self, rollout: ModelRollout, now: float) -> Delivery:
        """Send what is due.

        Args:
            rollout: With the status that was written.
            now: Unix seconds.
        """
        news, receivers = rollout.status.news, rollout.spec.notifications
        if not news:
            self._mail.pop(rollout.key, None)
            return Delivery()
        mail = self._mail.get(rollout.key, {})
        current = {(one.identity, place) for one in news for place in range(len(receivers))}
        mail = {key: letter for key, letter in mail.items() if key in current}
        self._mail[rollout.key] = mail
        for one in news:
            for place, receiver in enumerate(receivers):
                letter = mail.get((one.identity, place))
                if letter is None:
                    letter = mail[one.identity, place] = self._new(rollout.key, one, receiver, now)
                if one.begun:
                    self._carry(rollout, one, receiver, letter, now)
        telling = frozenset(one.identity for one in news if not one.begun)
        if telling:
            self._wake(rollout.key)
        told = (
            one.identity
            for one in news
            if all(mail[one.identity, place].over for place in range(len(receivers)))
        )
        return Delivery(frozenset(told), telling)

    def under_way(self) -> list[Future[Reply]]:
        """Give what is being sent."""
        letters = (letter for mail in self._mail.values() for letter in mail.values())
        return [letter.pending for letter in letters if letter.pending is not None]

    def forget(self, rollout: str) -> None:
        """Forget a rollout that is gone."""
        self._mail.pop(rollout, None)

    def _new(self, key: str, news: News, receiver: Notification, now: float) -> _Letter:
        letter = _Letter(now, now)
        if news.begun and receiver.slack is not None:
            letter.over = True
            name = _name(receiver)
            self._say(key, f"{name} may have been told before a restart, and is not told again")
        return letter

    def _carry(
        self, rollout: ModelRollout, news: News, receiver: Notification, letter: _Letter, now: float
    ) -> None:
        if letter.pending is not None and letter.pending.done():
            self._arrived(rollout.key, receiver, letter, letter.pending, now)
        if letter.over or letter.pending is not None or now < letter.due:
            return
        try:
            letter.pending = self._send(rollout, news, receiver)
            letter.pending.add_done_callback(lambda _: self._wake(rollout.key))
        except _NoAddress as error:
            self._again(rollout.key, receiver, letter, str(error), now)

    def _send(self, rollout: ModelRollout, news: News, receiver: Notification) -> Future[Reply]:
        url = self._address(rollout, receiver)
        if receiver.slack is not None:
            return self._poster.post(url, slack_message(rollout, news), timeout=TIMEOUT)
        kind = "application/cloudevents+json; charset=utf-8"
        return self._poster.post(url, cloud_event(rollout, news), timeout=TIMEOUT, kind=kind)

    def _address(self, rollout: ModelRollout, receiver: Notification) -> str:
        named = receiver.slack or receiver.cloud_events
        assert named is not None
        if receiver.cloud_events is not None and receiver.cloud_events.url is not None:
            return receiver.cloud_events.url
        if self._folder is None:
            raise _NoAddress(f"the controller has no folder of addresses for {named.key}")
        for name in (f"{rollout.metadata.namespace}.{named.key}", str(named.key)):
            try:
                url = (self._folder / name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                continue
            if fullmatch(URL, url) is None:
                raise _NoAddress(f"what the controller has as {name} is no address")
            return url
        raise _NoAddress(f"the controller has no address {named.key}")

    def _arrived(
        self, key: str, receiver: Notification, letter: _Letter, done: Future[Reply], now: float
    ) -> None:
        letter.pending = None
        try:
            reply = done.result()
        except TemporaryError as error:
            self._again(key, receiver, letter, str(error), now)
            return
        if 200 <= reply.code < 300:
            letter.over = True
        elif reply.code >= 500 or reply.code in _LASTING:
            self._again(key, receiver, letter, f"it answered {reply.code}", now)
        else:
            letter.over = True
            self._say(key, f"{_name(receiver)} refused a notification: it answered {reply.code}")

    def _again(
        self, key: str, receiver: Notification, letter: _Letter, why: str, now: float
    ) -> None:
        if now - letter.since >= PATIENCE:
            letter.over = True
            self._say(key, f"{_name(receiver)} was not told: {why}")
            return
        if letter.pause == _FIRST_PAUSE:
            self._say(key, f"{_name(receiver)} was not told yet: {why}")
        letter.due, letter.pause = now + letter.pause, min(2 * letter.pause, _LONGEST_PAUSE)


def _name(receiver: Notification) -> str:
    if receiver.slack is not None:
        return f"slack {receiver.slack.key}"
    assert receiver.cloud_events is not None
    return f"cloudEvents {receiver.cloud_events.key or receiver.cloud_events.url}"


def cloud_event(rollout: ModelRollout, news: News) -> dict[str, Any]:
    """Give the news as a CloudEvent 1.0 in structured JSON, the same one every time it is sent."""
    metadata = rollout.metadata
    source = f"/apis/{rollout.api_version}/namespaces/{metadata.namespace}/modelrollouts"
    return {
        "specversion": "1.0",
        "id": news.identity,
        "source": f"{source}/{metadata.name}",
        "type": EVENT_TYPES[news.action],
        "subject": news.version,
        "time": format_instant(news.time),
        "datacontenttype": "application/json",
        "data": {
            "rollout": rollout.key,
            "model": rollout.spec.model.name,
            "version": news.version,
            "action": news.action,
            "reason": news.reason,
            "message": news.message,
        },
    }


def slack_message(rollout: ModelRollout, news: News) -> dict[str, Any]:
    """Give the news as a message of one sentence, in which nothing is taken for a command."""
    text = f"{news.version}: {news.action}: {news.message}"
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": f"*{rollout.key}* {escaped}"}
