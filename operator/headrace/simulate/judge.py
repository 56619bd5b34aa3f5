"""One rollout, judged scrape by scrape: the engine's evidence and the rules of a canary.

What `headrace judge` does with each observation, without its wire. The rules are the canary's,
for a caller who keeps the schedule himself: roll back when harm is proved, at any time; promote
when the schedule has been observed and every check is proved; else hold. Nothing here knows the
time: it comes with the observations.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.api import Analysis, Check, CheckStatus, Outcome, WorseThanStable
from headrace.api.analysis import Risk
from headrace.api.fields import format_duration
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.build import checks_of
from headrace.engine.judgement import Judgement, absorb, judge
from headrace.engine.observations import Interval, Metric
from headrace.simulate.wire import Question, Scrape, Side

_BLIND_AFTER = 4
"""Scrapes without data of both arms after which a check says so."""
_LONG_AGO = -1e15
"""History lies before everything else, whatever its clock says."""


class Answer(StrEnum):
    """What to do with the rollout."""

    HOLD = "hold"
    PROMOTE = "promote"
    ROLL_BACK = "rollback"


@dataclass(frozen=True, slots=True)
class Ruling:
    """An answer, its CamelCase reason, and a sentence with the numbers."""

    answer: Answer
    reason: str
    message: str


def analysis_of(question: Question) -> Analysis:
    """Write a question as a resource would.

    The error rate has no absolute margin: the caller names a ratio and means it.
    """
    errors = Check(
        name="errors",
        metric="error-rate",
        worse_than_stable=WorseThanStable(ratio=question.ni_ratio, margin=0.0),
    )
    latency = Check(
        name="latency",
        metric="latency",
        worse_than_stable=WorseThanStable(ratio=question.ni_ratio),
    )
    return Analysis(
        interval=question.interval,
        risk=Risk(false_rollback=question.alpha, missed_regression=question.beta),
        checks={"error": [errors], "latency": [latency], "both": [errors, latency]}[
            question.metric
        ],
        no_data_timeout=_BLIND_AFTER * question.interval,
        max_duration=question.deadline,
    )


@dataclass
class Coverage:
    """The times that were used: a scrape that comes again, or late, is told apart by them."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def claim(self, end: float, length: float) -> tuple[float, float] | None:
        """Take what is new of a scrape's time.

        Clocks are not exact: a scrape that overlaps its neighbours by less than half is new, and
        one that begins less than half its length after the one before leaves no gap.

        Args:
            end: Of the scrape.
            length: Seconds, > 0.

        Returns:
            Start and end, free of what was used before; None if the scrape was.
        """
        middle = end - length / 2
        place = bisect_left(self.ends, middle)
        if place < len(self.ends) and (self.starts[place] <= middle or self.ends[place] == end):
            return None
        start = end - length
        if place and self.ends[place - 1] > start - length / 2:
            start = self.ends[place - 1]
        end = min(end, self.starts[place]) if place < len(self.ends) else end
        self._insert(place, start, end)
        return start, end

    def _insert(self, place: int, start: float, end: float) -> None:
        joins_before = place > 0 and self.ends[place - 1] == start
        joins_after = place < len(self.starts) and self.starts[place] == end
        if joins_before and joins_after:
            self.ends[place - 1] = self.ends.pop(place)
            self.starts.pop(place)
        elif joins_before:
            self.ends[place - 1] = end
        elif joins_after:
            self.starts[place] = start
        else:
            self.starts.insert(place, start)
            self.ends.insert(place, end)


class Judge:
    """The judgement of one rollout."""

    def __init__(self, question: Question, history: Sequence[Scrape] = ()) -> None:
        """Learn the stable arm's past.

        Args:
            question: Risks, limits and times.
            history: Scrapes of stable alone, the oldest first.
        """
        self._question = question
        self._analysis = analysis_of(question)
        self._checks: tuple[SequentialCheck, ...] = checks_of(self._analysis)
        self._statuses: tuple[CheckStatus, ...] = ()
        self._coverage = Coverage()
        self._began: float | None = None
        self._latest = -math.inf
        self._ruling: Ruling | None = None
        past, time = [], _LONG_AGO
        for scrape in history:
            past += _intervals(time, time + scrape.length, scrape.stable, Side())
            time += scrape.length
        self._use(past)

    def observe(self, scrape: Scrape) -> Ruling:
        """Use one scrape and rule; a scrape that was used before changes nothing."""
        claimed = self._coverage.claim(scrape.end, scrape.length)
        if claimed is not None:
            if self._began is None:
                self._began = claimed[0]
            self._latest = max(self._latest, scrape.end)
            self._use(_intervals(*claimed, scrape.stable, scrape.canary))
            self._ruling = self._rule()
        assert self._ruling is not None, "the first scrape is never one that was used"
        return self._ruling

    def _use(self, intervals: Sequence[Interval]) -> None:
        self._statuses = absorb(
            self._checks, self._statuses, intervals, live=True, carried_since=-math.inf
        )

    def _rule(self) -> Ruling:
        assert self._began is not None
        judgement = judge(
            self._analysis,
            self._checks,
            self._statuses,
            (),
            live=True,
            started=self._began,
            now=self._latest,
        )
        before = self._ruling
        if before is not None and before.answer is Answer.ROLL_BACK:
            return before
        if judgement.failed:
            worst = judgement.failed[0]
            return Ruling(Answer.ROLL_BACK, worst.reason, f"{worst.check}: {worst.message}")
        if before is not None and before.answer is Answer.PROMOTE:
            return before
        return self._promotion(judgement, self._latest - self._began)

    def _promotion(self, judgement: Judgement, elapsed: float) -> Ruling:
        question, held = self._question, min([status.held for status in self._statuses])
        open_checks = [v for v in judgement.verdicts if v.outcome is not Outcome.PASS]
        proved, on_time = not open_checks, elapsed <= question.deadline
        told = "; ".join([f"{v.check}: {v.message}" for v in judgement.verdicts])
        if proved and held >= question.schedule and on_time and not judgement.suspicious:
            message = f"the schedule has held and every check is proved: {told}"
            return Ruling(Answer.PROMOTE, "ProvedSafe", message)
        if elapsed >= question.deadline:
            after = format_duration(question.deadline)
            message = f"after {after} neither harm nor safety is proved ({told})"
            return Ruling(Answer.HOLD, "Inconclusive", message)
        for verdict in open_checks:
            if verdict.outcome in (Outcome.NO_DATA, Outcome.ERROR):
                return Ruling(Answer.HOLD, verdict.reason, f"{verdict.check}: {verdict.message}")
        if held < question.schedule:
            left = format_duration(question.schedule - held)
            return Ruling(Answer.HOLD, "ScheduleHolds", f"{left} to go; {told}")
        if judgement.suspicious:
            return Ruling(Answer.HOLD, "Suspicious", f"harm is half proved: {told}")
        return Ruling(Answer.HOLD, open_checks[0].reason, f"not yet proved: {told}")


def _intervals(start: float, end: float, stable: Side, canary: Side) -> list[Interval]:
    halves = [] if stable.halves is None else [stable.halves]
    return [
        *(Interval(Metric.SERVED, start, end, both, None) for both in halves),
        Interval(Metric.REQUESTS, start, end, stable.requests, canary.requests),
        Interval(Metric.LATENCY, start, end, stable.latency, canary.latency),
    ]
