"""Lines for `headrace judge`, and a caller who sends them."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from typing import Any

from headrace.cli.judge import Session, answer_lines

LE_MS: list[Any] = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000, "+Inf"]


def arm(requests: int, errors: int, counts: Sequence[float] | None = None) -> dict[str, Any]:
    side: dict[str, Any] = {"requests": requests, "errors": errors}
    if counts is not None:
        side |= {"le_ms": LE_MS, "latency_counts": list(counts)}
    return side


def latencies(chance: random.Random, n: int, slower: float = 1.0) -> list[int]:
    counts = [0] * len(LE_MS)
    for _ in range(n):
        ms = 100 * slower * chance.lognormvariate(0, 0.6)
        counts[next(i for i, le in enumerate(LE_MS) if le == "+Inf" or ms <= le)] += 1
    return counts


class Traffic:
    """40 requests a second of two arms, the candidate as bad as it is told to be."""

    def __init__(self, seed: int, *, worse: float = 1.0, slower: float = 1.0, timed: bool = False):
        self._chance = random.Random(seed)
        self._worse, self._slower, self._timed = worse, slower, timed

    def _arm(self, n: int, p: float, slower: float) -> dict[str, Any]:
        errors = sum(self._chance.random() < p for _ in range(n))
        return arm(n, errors, latencies(self._chance, n, slower) if self._timed else None)

    def history(self, scrapes: int = 120) -> list[dict[str, Any]]:
        return [
            {"t": 15.0 * (i - scrapes + 1), "stable": self._arm(600, 0.01, 1.0)}
            for i in range(scrapes)
        ]

    def scrape(self, index: int, weight: float = 0.25) -> dict[str, Any]:
        n = round(600 * weight)
        return {
            "t": 15.0 * (index + 1),
            "interval": 15.0,
            "step": 0,
            "weight": weight,
            "canary": self._arm(n, 0.01 * self._worse, self._slower),
            "stable": self._arm(600 - n, 0.01, 1.0),
        }


class Caller:
    """Another program: sends values, gets values."""

    def __init__(self) -> None:
        self._session = Session()

    def send(self, value: object) -> dict[str, Any]:
        (answer,) = said(self._session, json.dumps(value) + "\n")
        return answer

    def reset(self, history: Sequence[object] = (), **config: object) -> None:
        value = {"op": "reset", "config": config, "history": list(history)}
        assert self.send(value) == {"ok": True}

    def observe(self, obs: object) -> dict[str, Any]:
        return self.send({"op": "observe", "obs": obs})


def said(session: Session, text: str) -> list[dict[str, Any]]:
    """Give the answers to a text, each of which must be a line of strict JSON."""

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is no JSON")

    answers = io.StringIO()
    answer_lines(io.StringIO(text, newline="\n"), answers, session)
    lines = answers.getvalue().splitlines()
    return [json.loads(line, parse_constant=refuse) for line in lines]
