"""A model that answers requests, counts what it does and keeps answers for the comparator.

Free of HTTP and of seldon-core's types, so that another server of the same protocol can run it.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from headrace.errors import InvalidBundle, InvalidInput
from headrace.serving.answers import AnswersPage
from headrace.serving.bundle import Bundle, Example
from headrace.serving.counters import Counters
from headrace.serving.feedback import read_feedback
from headrace.serving.request import Cell, Columns, RequestReader, example_body
from headrace.serving.ring import LONGEST_ID, Ring
from headrace.serving.runtimes import load_model
from headrace.serving.signature import Column, Output

WARM_UP_EXAMPLES = 20

Transform: TypeAlias = Callable[[Columns], Mapping[str, Sequence[Cell]]]
"""From a request's columns to the model's inputs, with as many values in each."""

Document: TypeAlias = dict[str, object]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reply:
    """What a client gets: an HTTP status and a JSON document."""

    code: int
    document: Document


class ServedModel:
    """One version of one model; safe to use from several threads if `transform` is.

    Args:
        bundle: What to serve.
        transform: Computes the model's inputs; None when requests have them already.
        request_columns: What requests must have; None for the model's own inputs.
        share: Of request ids whose answers are kept for the comparator, 0 to 1.
        segments: The tag of feedback's requests by which rewards are also counted; None for none.

    Raises:
        InvalidBundle: The model cannot be loaded, or cannot answer the bundle's examples.
    """

    def __init__(
        self,
        bundle: Bundle,
        transform: Transform | None = None,
        request_columns: Sequence[Column] | None = None,
        share: float = 1.0,
        segments: str | None = None,
    ) -> None:
        self.signature = bundle.signature
        self._segments = segments
        self.counters = Counters(
            bundle.signature.name,
            bundle.signature.version,
            bundle.reference,
            segmented=segments is not None,
        )
        self.ring = Ring(share)
        self._reader = RequestReader(request_columns or bundle.signature.inputs)
        self._transform = transform
        self._model = load_model(bundle)
        self._meta: Document = {
            "tags": {"model": bundle.signature.name, "version": bundle.signature.version}
        }
        self._warm_up(bundle.examples)

    def predict(self, body: bytes, request_id: str = "") -> Reply:
        """Answer a prediction request.

        The caller counts the reply with `counters.count_request`, because only it knows how long
        the whole request took.

        Args:
            body: JSON, as it came.
            request_id: What the request is called on every arm; empty for none.

        Returns:
            200 with the predictions, 400 for what the client got wrong, or 500 when the model or
            the transform failed.
        """
        try:
            columns = self._reader.read(body)
            inputs = self._inputs(columns)
        except InvalidInput as error:
            return self.refusal(400, "InvalidRequest", str(error))
        except Exception as error:  # noqa: BLE001, whatever a user's code raises is a 500
            return self._failure(error, request_id)
        try:
            predictions = self._answer(inputs)
            self.counters.count_prediction(inputs, predictions)
        except Exception as error:  # noqa: BLE001, whatever a user's code raises is a 500
            return self._failure(error, request_id)
        self.ring.add(request_id, predictions)
        data = {
            "names": [self.signature.output.name],
            "ndarray": [[prediction] for prediction in predictions],
        }
        return Reply(200, {"data": data, "meta": self._meta})

    def feedback(self, body: bytes) -> Reply:
        """Count the reward of `{"reward": 0.0 to 1.0}`, and for its segment where that is asked.

        Other fields are left alone.

        Returns:
            200, or 400 when there is no such reward.
        """
        try:
            feedback = read_feedback(body, self._segments)
            self.counters.count_reward(feedback.reward, feedback.segment)
        except InvalidInput as error:
            return self.refusal(400, "InvalidFeedback", str(error))
        return Reply(200, {"meta": self._meta})

    def answers(self, after: int) -> AnswersPage:
        """Give the kept answers with sequence numbers above `after`, for the comparator."""
        signature = self.signature
        return AnswersPage(self.ring.page(after), signature.output, signature.version)

    def refusal(self, code: int, reason: str, text: str) -> Reply:
        """Give the reply that says why there is no answer, in the form of seldon-core.

        Args:
            code: The HTTP status.
            reason: A word for programs.
            text: A sentence for people.
        """
        status = {"status": 1, "code": code, "reason": reason, "info": text}
        return Reply(code, {"status": status, "meta": self._meta})

    def _failure(self, error: Exception, request_id: str) -> Reply:
        # Neither the message nor the values: they may hold what the client sent.
        name = type(error).__name__
        logger.error("request %r failed: %s at %s", request_id[:LONGEST_ID], name, _place(error))
        text = f"The model failed on this request with {name}; the server's log says where."
        return self.refusal(500, "ModelFailed", text)

    def _inputs(self, columns: Columns) -> Mapping[str, Sequence[Cell]]:
        if self._transform is None:
            return columns
        inputs = self._transform(columns)
        rows = len(next(iter(columns.values())))
        for column in self.signature.inputs:
            if column.name not in inputs or len(inputs[column.name]) != rows:
                raise ValueError(f"transform() gave no {rows} values for {column.name}")
        return inputs

    def _answer(self, inputs: Mapping[str, Sequence[Cell]]) -> list[float] | list[str]:
        rows = len(inputs[self.signature.inputs[0].name])
        return checked(self._model.predict(inputs), rows, self.signature.output)

    def _warm_up(self, examples: Sequence[Example]) -> None:
        """Answer the first examples, so that no user waits for what is done only once.

        Nothing is counted.
        """
        for number, example in enumerate(examples[:WARM_UP_EXAMPLES], 1):
            try:
                self._answer(self._inputs(self._reader.read(example_body(example))))
            except Exception as error:
                raise InvalidBundle(
                    f"{self.signature.name} {self.signature.version} cannot answer line {number} "
                    f"of its examples.jsonl: {type(error).__name__}: {error} "
                    f"(at {_place(error)})."
                ) from error


def checked(predictions: NDArray[Any], rows: int, output: Output) -> list[float] | list[str]:
    """Turn a model's predictions into what may go to a client.

    Args:
        predictions: What the model gave.
        rows: How many predictions there must be.
        output: What they must be.

    Raises:
        ValueError: They are too few or too many, not finite, or no probabilities.
    """
    if predictions.shape != (rows,):
        raise ValueError(f"the model gave the shape {predictions.shape} for {rows} rows")
    if output.kind == "label":
        return [str(value) for value in predictions.tolist()]
    numbers = [float(value) for value in predictions.tolist()]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("the model gave a number that is not finite")
    if output.kind == "probability":
        # float32 sums of a forest's votes end a hair outside.
        if not all(-1e-5 <= number <= 1 + 1e-5 for number in numbers):
            raise ValueError("the model gave a probability outside of [0, 1]")
        return [min(max(number, 0.0), 1.0) for number in numbers]
    return numbers


def _place(error: BaseException) -> str:
    """Name the line that raised, as file:line."""
    place = "?"
    for frame, line in traceback.walk_tb(error.__traceback__):
        place = f"{Path(frame.f_code.co_filename).name}:{line}"
    return place
