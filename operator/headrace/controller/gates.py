"""Asks the gates that rollouts wait for, beside the ticks.

The engine says at every tick which questions it waits for. Each is put at once, and again a while
after it was answered, as long as the engine goes on waiting; an answer counts that long, too, and
never for another question. Nothing is kept: after a restart the gates are asked again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from headrace.api import Gate, ModelRollout
from headrace.controller.posting import Poster, Reply
from headrace.engine.gates import GateAnswer, Opening, Question
from headrace.errors import TemporaryError

AGAIN = 15.0
"""Seconds after which a gate is asked again while the rollout waits."""

_LONGEST = 200
"""Characters of a gate's reason that are repeated."""


@dataclass(slots=True)
class _Asked:
    """A question that was put.

    Attributes:
        question: As it was put.
        at: When, Unix seconds.
        pending: What is under way; None once it is answered.
        answer: The last one.
    """

    question: Question
    at: float
    pending: Future[Reply] | None
    answer: GateAnswer | None = None


class Gates:
    """Keeps the questions of all rollouts, and the last answers."""

    def __init__(
        self, poster: Poster, on_answer: Callable[[str], None] = lambda rollout: None
    ) -> None:
        """Ask nothing yet.

        Args:
            poster: Sends the questions.
            on_answer: Is told of the rollout's key when an answer has come, from another thread.
        """
        self._poster, self._on_answer = poster, on_answer
        self._asked: dict[str, dict[str, _Asked]] = {}

    def follow(self, rollout: ModelRollout, questions: Sequence[Question], now: float) -> None:
        """Ask what a tick waits for, and forget what it does not.

        Args:
            rollout: After the tick.
            questions: The tick's.
            now: Unix seconds.
        """
        known = self._asked.pop(rollout.key, {})
        wanted = {question.gate: question for question in questions}
        for name, old in known.items():
            if old.pending is not None and wanted.get(name) != old.question:
                old.pending.cancel()
        gates = {gate.name: gate for gate in rollout.spec.gates}
        kept = {}
        for name, question in wanted.items():
            asked, gate = known.get(name), gates.get(name)
            if gate is None:
                continue
            if asked is None or asked.question != question:
                asked = _Asked(question, now, self._put(rollout, gate, question))
            elif asked.pending is None and now - asked.at >= AGAIN:
                asked.at, asked.pending = now, self._put(rollout, gate, question)
            kept[name] = asked
        if kept:
            self._asked[rollout.key] = kept

    def answers(self, rollout: str) -> Mapping[str, GateAnswer]:
        """Give the last answers by the gate's name.

        Args:
            rollout: Its key.
        """
        found = {}
        for name, asked in self._asked.get(rollout, {}).items():
            if asked.pending is not None and asked.pending.done():
                asked.answer = _answer(asked.question, asked.pending)
                asked.pending = None
            if asked.answer is not None:
                found[name] = asked.answer
        return found

    def forget(self, rollout: str) -> None:
        """Forget a rollout that is gone."""
        for asked in self._asked.pop(rollout, {}).values():
            if asked.pending is not None:
                asked.pending.cancel()

    def _put(self, rollout: ModelRollout, gate: Gate, question: Question) -> Future[Reply]:
        pending = self._poster.post(
            gate.url, question_body(rollout, question), timeout=gate.timeout
        )
        pending.add_done_callback(lambda done: self._on_answer(rollout.key))
        return pending


def question_body(rollout: ModelRollout, question: Question) -> dict[str, Any]:
    """Give a question as a gate reads it."""
    status = rollout.status
    return {
        "rollout": rollout.key,
        "gate": question.gate,
        "before": question.before.value,
        "model": rollout.spec.model.name,
        "version": question.version,
        "stable": "" if status.stable is None else status.stable.version,
        "step": question.step,
        "weights": {
            "now": status.weights.asked.model_dump(mode="json"),
            "next": question.traffic.model_dump(mode="json"),
        },
        "reason": question.reason,
        "message": question.message,
    }


def _answer(question: Question, done: Future[Reply]) -> GateAnswer:
    if done.cancelled():
        return GateAnswer(question, Opening.UNKNOWN, "the request was given up")
    try:
        reply = done.result()
    except TemporaryError as error:
        return GateAnswer(question, Opening.UNKNOWN, str(error))
    opening, message = read_reply(reply)
    return GateAnswer(question, opening, message)


def read_reply(reply: Reply) -> tuple[Opening, str]:
    """Read what a gate says: only a clear yes is one."""
    if 300 <= reply.code < 400:
        return Opening.UNKNOWN, f"it answered {reply.code}, and redirects are not followed"
    if not 200 <= reply.code < 300:
        return Opening.UNKNOWN, f"it answered {reply.code}"
    try:
        said = json.loads(reply.body)
    except (ValueError, RecursionError):
        said = None
    approved = said.get("approved") if isinstance(said, dict) else None
    if not isinstance(approved, bool):
        return Opening.UNKNOWN, 'it did not answer {"approved": true} or {"approved": false}'
    reason = " ".join(str(said.get("reason") or "").split())[:_LONGEST]
    if approved:
        return Opening.OPEN, reason or "it says yes"
    return Opening.CLOSED, reason or "it says no, and not why"
