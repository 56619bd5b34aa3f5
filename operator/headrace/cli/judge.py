"""`headrace judge`."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, NoReturn, TextIO

import click

from headrace.errors import InvalidInput
from headrace.simulate.judge import Judge
from headrace.simulate.wire import mapping, question, scrape, shown


@click.command()
@click.option("--stdio", is_flag=True, required=True, help="Read and write lines of JSON.")
def judge(stdio: bool) -> None:
    """Judge rollouts for another program: a JSON value in, a JSON value out, a line each.

    \b
      {"op": "reset", "config": {"alpha": 0.01, "beta": 0.05, "metric": "error", "interval": 15,
       "schedule_s": 1200, "deadline_s": 2400, "ni_ratio": 1.5}, "history": [obs, ...]}
        {"ok": true}
      {"op": "observe", "obs": {"t": 15, "interval": 15, "step": 0, "weight": 0.05,
       "canary": {"requests": 31, "errors": 0}, "stable": {"requests": 570, "errors": 6}}}
        {"decision": "hold", "reason": "...", "message": "..."}

    A decision is hold, promote or rollback. Counts are those of the scrape alone, as are
    `latency_counts` per bucket of `le_ms` (which ends with "+Inf"). An arm that is not there, and
    a number that was not seen, is null. metric is error, latency or both; every field of config
    has a default, those above. There is no clock: time is `t`, in seconds. A line that makes no
    sense is answered with {"error": "..."} and changes nothing.
    """
    del stdio  # the only way there is; named so that another can join
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Bytes that are no UTF-8 must end up as one bad line, not as the end of all.
        sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    try:
        answer_lines(sys.stdin, sys.stdout, Session())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Nobody reads any more. Python flushes once more at the end and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answer_lines(lines: TextIO, answers: TextIO, session: Session) -> None:
    """Answer until the lines end; empty lines are passed over."""
    while line := lines.readline():
        if line.strip():
            answers.write(json.dumps(session.answer(line), allow_nan=False) + "\n")
            answers.flush()


class Session:
    """What one caller has said so far."""

    def __init__(self) -> None:
        self._judge: Judge | None = None
        self._interval = 0.0

    def answer(self, line: str) -> dict[str, Any]:
        """Answer one line; a line that makes no sense changes nothing."""
        try:
            return self._answer(mapping(_parsed(line), "the line"))
        except InvalidInput as error:
            return {"error": str(error)}

    def _answer(self, request: Any) -> dict[str, Any]:
        operation = request.get("op")
        if operation == "reset":
            asked = question(request.get("config") or {})
            past = request.get("history")
            if past is not None and not isinstance(past, list):
                raise InvalidInput(f"history is {shown(past)}; expected a list")
            history = [
                scrape(obs, f"history[{index}]", asked.interval, time=0.0)
                for index, obs in enumerate(past or [])
                if obs is not None
            ]
            self._judge, self._interval = Judge(asked, history), asked.interval
            return {"ok": True}
        if operation == "observe":
            if self._judge is None:
                raise InvalidInput("there was no reset before this observe")
            ruling = self._judge.observe(scrape(request.get("obs"), "obs", self._interval))
            return {
                "decision": ruling.answer.value,
                "reason": ruling.reason,
                "message": ruling.message,
            }
        raise InvalidInput(f"op is {shown(operation)}; expected reset or observe")


def _parsed(line: str) -> object:
    try:
        return json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the line is not JSON: {error}") from error


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"{token} is no JSON value; what was not seen is null")
