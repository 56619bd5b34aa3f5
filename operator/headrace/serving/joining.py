"""Joins the answers of two arms to the same requests, and says whether they agree.

Pure: the clock is passed in. Only pairs are judged: an id that one arm alone has answered says
nothing about the other arm's answers, since mirrors are sampled and copies get lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from headrace.serving.bounds import DIFFERENCE
from headrace.serving.comparison import agree
from headrace.serving.counters import Bins, HistogramSample, Labels, Sample, ValueSample
from headrace.serving.ring import Answer, Prediction
from headrace.serving.signature import Output

Arm: TypeAlias = Literal["stable", "candidate"]
ARMS: tuple[Arm, ...] = get_args(Arm)

WAIT_SECONDS = 60.0
"""How long an answer waits for the other arm's; longer than any request may take."""

MOST_WAITING = 20_000
"""Answers of one arm that wait at a time, about 10 MB; the oldest are given up first."""


@dataclass(frozen=True)
class _Waiting:
    since: float
    prediction: Prediction
    output: Output


class Join:
    """Counts agreements and disagreements.

    Args:
        labels: Of every sample.
        wait: Seconds that an answer waits for the other arm's.
        most: Answers of one arm that may wait at a time.
    """

    def __init__(
        self, labels: Labels, wait: float = WAIT_SECONDS, most: int = MOST_WAITING
    ) -> None:
        self._labels = labels
        self._wait = wait
        self._most = most
        self._waiting: dict[Arm, OrderedDict[str, _Waiting]] = {arm: OrderedDict() for arm in ARMS}
        # Ids that are done with: the same id again, from a retry or a second replica, is no news.
        self._settled: OrderedDict[str, None] = OrderedDict()
        self.agreements = 0
        self.disagreements = 0
        self.incomparable = 0
        self.unmatched: dict[Arm, int] = dict.fromkeys(ARMS, 0)
        self.ring_errors: dict[Arm, int] = dict.fromkeys(ARMS, 0)
        self._difference = Bins(DIFFERENCE)

    def add(self, arm: Arm, answers: Iterable[Answer], output: Output, now: float) -> None:
        """Take an arm's answers.

        Args:
            arm: Whose they are.
            answers: In any order; ids that were seen before are left out.
            output: What the answers are.
            now: Seconds of a clock that never goes back.
        """
        other: Arm = "candidate" if arm == "stable" else "stable"
        for _, request_id, prediction in answers:
            if request_id in self._settled or request_id in self._waiting[arm]:
                continue
            partner = self._waiting[other].pop(request_id, None)
            if partner is None:
                self._waiting[arm][request_id] = _Waiting(now, prediction, output)
            else:
                self._settle(request_id)
                self._judge(prediction, output, partner.prediction, partner.output)
        self._give_up(now)

    def samples(self) -> list[Sample]:
        """Give the counts of this moment."""
        found: list[Sample] = [
            self._value("agreements", "Requests that both arms answered alike.", self.agreements),
            self._value(
                "disagreements", "Requests that the arms answered differently.", self.disagreements
            ),
            self._value(
                "incomparable",
                "Requests whose answers are of different kinds or have different numbers of rows.",
                self.incomparable,
            ),
        ]
        for arm in ARMS:
            text = "Answers for which the other arm's was not found in time."
            found.append(self._value("unmatched", text, self.unmatched[arm], arm))
            text = "Failures to read an arm's ring of answers; it is read again."
            found.append(self._value("ring_errors", text, self.ring_errors[arm], arm))
        found.append(self._histogram())
        return found

    def _judge(self, mine: Prediction, output: Output, theirs: Prediction, other: Output) -> None:
        pairs = _pairs(mine, theirs)
        if output.kind != other.kind or pairs is None:
            self.incomparable += 1
            return
        if all(agree(a, output, b, other) for a, b in pairs):
            self.agreements += 1
        else:
            self.disagreements += 1
        differences = [
            abs(a - b) for a, b in pairs if not isinstance(a, str) and not isinstance(b, str)
        ]
        if differences:
            self._difference.add(max(differences))

    def _settle(self, request_id: str) -> None:
        self._settled[request_id] = None
        if len(self._settled) > 2 * self._most:
            self._settled.popitem(last=False)

    def _give_up(self, now: float) -> None:
        for arm in ARMS:
            waiting = self._waiting[arm]
            while waiting:
                request_id, oldest = next(iter(waiting.items()))
                if len(waiting) <= self._most and now - oldest.since < self._wait:
                    break
                del waiting[request_id]
                self._settle(request_id)
                self.unmatched[arm] += 1

    def _value(self, name: str, text: str, value: int, arm: Arm | None = None) -> ValueSample:
        labels = self._labels if arm is None else {**self._labels, "arm": arm}
        return ValueSample(f"headrace_shadow_{name}_total", text, labels, value)

    def _histogram(self) -> HistogramSample:
        text = "Absolute difference of the arms' numbers; the largest of a request's rows."
        return self._difference.sample("headrace_shadow_difference", text, self._labels)


def _pairs(mine: Prediction, theirs: Prediction) -> list[tuple[float | str, float | str]] | None:
    if isinstance(mine, list) and isinstance(theirs, list):
        return list(zip(mine, theirs, strict=True)) if len(mine) == len(theirs) else None
    if isinstance(mine, list) or isinstance(theirs, list):
        return None
    return [(mine, theirs)]
