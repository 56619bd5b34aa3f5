"""Gates are asked over a real wire, by servers that behave well, badly and not at all."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing

import pytest

from headrace.api import Before, Gate, Traffic
from headrace.controller.gates import AGAIN, Gates
from headrace.controller.posting import LARGEST, PER_SERVER, Poster
from headrace.engine.gates import Opening, Question
from headrace.errors import TemporaryError
from tests.local.receiver import (
    Answer,
    Receiver,
    drips,
    drips_headers,
    hangs_up,
    listening,
    redirect,
    says,
    text,
)
from tests.unit.engine.rollouts import World, live

SECRET = "/hooks/s3cret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as running:
        yield running


@pytest.fixture
def poster() -> Iterator[Poster]:
    with closing(Poster()) as running:
        yield running


class Asking:
    """Gates with a rollout that waits for one."""

    def __init__(self, poster: Poster, url: str, timeout: float = 30.0) -> None:
        self.answered = threading.Semaphore(0)
        self.gates = Gates(poster, lambda rollout: self.answered.release())
        self.world = live()
        gate = Gate(name="release", url=url, timeout=timeout, before=Before.STEP)
        self.world.edit(gates=[gate])
        self.world.want("2")
        self.now = 1_000_000.0

    def question(self, step: int = 1) -> Question:
        return Question(
            "release", Before.STEP, "2", step, "StepHeld", "5 % held", Traffic(candidate=50)
        )

    def follow(self, *questions: Question) -> None:
        self.gates.follow(self.world.rollout, questions, self.now)

    def opening(self) -> tuple[Opening, str] | None:
        answer = self.gates.answers(self.world.rollout.key).get("release")
        return None if answer is None else (answer.opening, answer.message)

    def wait(self) -> tuple[Opening, str] | None:
        assert self.answered.acquire(timeout=300)
        return self.opening()


ANSWERS: dict[str, tuple[Answer, Opening, str]] = {
    "yes": (says({"approved": True}), Opening.OPEN, "it says yes"),
    "yes with a reason": (says({"approved": True, "reason": "ok"}), Opening.OPEN, "ok"),
    "yes as 201": (says({"approved": True}, 201), Opening.OPEN, "it says yes"),
    "no": (says({"approved": False}), Opening.CLOSED, "it says no, and not why"),
    "no with a reason": (
        says({"approved": False, "reason": "an audit\nis open"}),
        Opening.CLOSED,
        "an audit is open",
    ),
    "a long reason": (says({"approved": False, "reason": "x" * 900}), Opening.CLOSED, "x" * 200),
    "a yes in words": (says({"approved": "true"}), Opening.UNKNOWN, "it did not answer"),
    "a number": (says({"approved": 1}), Opening.UNKNOWN, "it did not answer"),
    "nothing": (says({}), Opening.UNKNOWN, "it did not answer"),
    "a list": (says([True]), Opening.UNKNOWN, "it did not answer"),
    "no JSON": (text(b"approved"), Opening.UNKNOWN, "it did not answer"),
    "no text": (text(b"\xff\xfe\x00"), Opening.UNKNOWN, "it did not answer"),
    "very deep JSON": (text(b"[" * 60_000), Opening.UNKNOWN, "it did not answer"),
    "a yes with 500": (says({"approved": True}, 500), Opening.UNKNOWN, "it answered 500"),
    "a yes with 404": (says({"approved": True}, 404), Opening.UNKNOWN, "it answered 404"),
    "a redirect": (redirect, Opening.UNKNOWN, "it answered 302, and redirects are not followed"),
    "too much": (text(b" " * (LARGEST + 1)), Opening.UNKNOWN, "the answer is larger than"),
    "nobody": (hangs_up, Opening.UNKNOWN, "the request failed: ServerDisconnectedError"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_only_a_clear_yes_opens(case: str, receiver: Receiver, poster: Poster) -> None:
    receiver.answer, opening, message = ANSWERS[case]
    asking = Asking(poster, receiver.url)
    asking.follow(asking.question())
    said = asking.wait()
    assert said is not None
    assert said[0] is opening
    assert said[1].startswith(message)
    assert all(path != "/elsewhere" for path, _, _ in receiver.seen)


@pytest.mark.parametrize("answer", [drips, drips_headers])
def test_an_answer_that_drips_ends_at_the_deadline(
    answer: Answer, receiver: Receiver, poster: Poster
) -> None:
    receiver.answer = answer
    asking = Asking(poster, receiver.url, timeout=0.3)
    asking.follow(asking.question())
    assert asking.wait() == (Opening.UNKNOWN, "no answer within 0.3 s")


def test_a_server_that_is_not_there_is_unknown(poster: Poster) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        asking = Asking(poster, f"http://127.0.0.1:{unused.getsockname()[1]}")
        asking.follow(asking.question())
        said = asking.wait()
    assert said is not None
    assert said[0] is Opening.UNKNOWN
    assert said[1].startswith("the request failed: ")


def test_it_is_told_what_would_happen(receiver: Receiver, poster: Poster) -> None:
    asking = Asking(poster, f"{receiver.url}/gate?team=a")
    asking.follow(asking.question())
    asking.wait()
    ((path, headers, body),) = receiver.seen
    assert path == "/gate?team=a"
    assert headers["content-type"] == "application/json"
    assert body == {
        "rollout": "models/flight-delay",
        "gate": "release",
        "before": "Step",
        "model": "flight-delay",
        "version": "2",
        "stable": "1",
        "step": 1,
        "weights": {
            "now": {"stable": 100, "candidate": 0, "mirror": 0},
            "next": {"stable": 0, "candidate": 50, "mirror": 0},
        },
        "reason": "StepHeld",
        "message": "5 % held",
    }


def test_while_it_waits_it_asks_again_now_and_then(receiver: Receiver, poster: Poster) -> None:
    receiver.answer = says({"approved": False})
    asking = Asking(poster, receiver.url)
    asking.follow(asking.question())
    assert asking.wait() == (Opening.CLOSED, "it says no, and not why")
    receiver.answer = says({"approved": True})
    asking.now += AGAIN / 2
    asking.follow(asking.question())
    assert len(receiver.seen) == 1
    asking.now += AGAIN
    asking.follow(asking.question())
    assert asking.wait() == (Opening.OPEN, "it says yes")
    assert len(receiver.seen) == 2


def test_an_answer_is_for_its_question_and_for_as_long_as_that_is_asked(
    receiver: Receiver, poster: Poster
) -> None:
    asking = Asking(poster, receiver.url)
    asking.follow(asking.question())
    asking.wait()
    receiver.answer = says({"approved": False})
    asking.follow(asking.question(step=2))
    assert asking.wait() == (Opening.CLOSED, "it says no, and not why")
    asking.follow()
    assert asking.opening() is None


def test_a_gate_that_never_answers_keeps_nobody_waiting(poster: Poster) -> None:
    with listening() as slow, listening() as quick:
        slow.answer = drips
        stuck = [Asking(poster, slow.url) for _ in range(3 * PER_SERVER)]
        for asking in stuck:
            asking.follow(asking.question())
        asking = Asking(poster, quick.url)
        asking.follow(asking.question())
        assert asking.wait() == (Opening.OPEN, "it says yes")
        assert [each.opening() for each in stuck] == [None] * len(stuck)


def test_what_is_said_of_a_failure_has_no_address_in_it(poster: Poster) -> None:
    failures = [
        poster.post(f"{base}{SECRET}", {}, timeout=5)
        for base in ("http://127.0.0.1:1", "http://[", "http://127.0.0.1:99999", "nothing")
    ]
    wait(failures)
    for failure in failures:
        error = failure.exception()
        assert isinstance(error, TemporaryError)
        assert SECRET not in str(error)


def test_a_rollout_goes_through_its_gate(receiver: Receiver, poster: Poster) -> None:
    receiver.answer = says({"approved": False, "reason": "an audit is open"})
    asking = Asking(poster, receiver.url)
    world = asking.world
    _until(asking, world, "GateClosed")
    assert "gate release: an audit is open" in world.status.decision.message  # type: ignore[union-attr]
    receiver.answer = says({"approved": True})
    _until(asking, world, "ProvedSafe")
    assert {body["step"] for _, _, body in receiver.seen} == {1, 2}


def _until(asking: Asking, world: World, reason: str) -> None:
    for _ in range(200):
        answers = asking.gates.answers(world.rollout.key)
        world.answers = dict(answers)
        answer = world.tick()
        if answer.decision.reason == reason:
            return
        asking.gates.follow(world.rollout, answer.questions, world.clock.now)
        if answer.questions:
            asking.answered.acquire(timeout=300)
    raise AssertionError(f"{reason} did not come; last: {answer.decision}")


def test_without_a_gate_or_a_receiver_no_http_client_is_loaded() -> None:
    program = """
import json, sys
from headrace.controller.outside import Outside
from headrace.engine.observations import Observations
from tests.unit.engine.rollouts import live
world, outside = live(), Outside(lambda rollout, why: None)
outside.known(world.rollout, Observations(), 0.0)
outside.follow(world.rollout, world.tick(), 0.0)
print(json.dumps(sorted({"aiohttp", "requests"} & sys.modules.keys())))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert "aiohttp" not in json.loads(done.stdout)
