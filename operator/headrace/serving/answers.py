"""The page `/answers`: what a model server writes, and what reads it: comparators, collectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from headrace.errors import MetricsUnavailable
from headrace.serving.ring import Answer, Page, Prediction
from headrace.serving.signature import Output, OutputKind


@dataclass(frozen=True)
class AnswersPage:
    """A page of one ring.

    Attributes:
        page: The answers.
        output: What the answers are: without it, nobody could say when two agree.
        version: Of the model; empty where a server of before does not tell it.
    """

    page: Page
    output: Output
    version: str = ""

    def to_document(self) -> dict[str, object]:
        """Give the page as JSON."""
        return {
            "boot": self.page.boot,
            "version": self.version,
            "output": {
                "name": self.output.name,
                "kind": self.output.kind,
                "threshold": self.output.threshold,
                "tolerance": self.output.tolerance,
            },
            "answers": [list(answer) for answer in self.page.answers],
            "next": self.page.next,
        }


def parse_answers(content: bytes) -> AnswersPage:
    """Read a page.

    Raises:
        MetricsUnavailable: It is none; the ring may answer better later.
    """
    try:
        return _page(json.loads(content))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise MetricsUnavailable(f"The page of answers cannot be read: {error!r}.") from error


def _page(document: Mapping[str, Any]) -> AnswersPage:
    output = document["output"]
    kind, threshold = output["kind"], output["threshold"]
    if kind not in get_args(OutputKind):
        raise ValueError(f"unknown kind {kind!r}")
    if (kind == "probability") != (type(threshold) is float):
        raise TypeError(f"threshold {threshold!r} for kind {kind}")
    # Servers of before do not tell it.
    tolerance = output.get("tolerance")
    if tolerance is not None and not (type(tolerance) is float and tolerance >= 0):
        raise TypeError(f"tolerance {tolerance!r}")
    answers = [_answer(answer, kind) for answer in document["answers"]]
    boot, following = document["boot"], document["next"]
    version = document.get("version", "")
    if type(boot) is not str or type(following) is not int or type(version) is not str:
        raise TypeError("boot or version is no text, or next no integer")
    known = Output(str(output["name"]), kind, threshold, tolerance=tolerance)
    return AnswersPage(Page(boot, answers, following), known, version)


def _answer(answer: Any, kind: OutputKind) -> Answer:
    sequence, request_id, prediction = answer
    values = prediction if isinstance(prediction, list) else [prediction]
    fits = str if kind == "label" else float
    if type(sequence) is not int or type(request_id) is not str:
        raise TypeError("an answer is no [number, id, prediction]")
    if not values or any(type(value) is not fits for value in values):
        raise TypeError(f"a prediction is no {kind}")
    return sequence, request_id, cast(Prediction, prediction)
