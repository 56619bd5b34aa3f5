"""Answers PromQL from a recording, as the Prometheus would have at any moment of its range."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from headrace.metrics.answers import FAILED, Unreadable
from headrace.metrics.matchers import parse_matchers
from headrace.metrics.recording import RawSeries, Recording
from headrace.metrics.series import SeriesReader

_RANGE = re.compile(r"(?P<selector>.*)\[(?P<seconds>\d+)s\]", re.DOTALL)

_LOOK_BACK = 300.0
"""Seconds for which Prometheus takes a series' last sample for its present value."""


class RecordedServer:
    """Knows range selectors, and the very queries whose answers were recorded.

    Args:
        recording: What was counted.
    """

    def __init__(self, recording: Recording) -> None:
        self.name = "the recording"
        self._recording = recording
        self._matching: dict[str, Sequence[RawSeries]] = {}

    def time(self, now: float) -> float:
        """Give the time as it is: who replays says what time it is."""
        return now

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def ask(self, query: str, now: float) -> Sequence[Any]:
        """Answer from what had been counted by then; see `Server.ask`."""
        levels = self._recording.levels.get(query)
        if levels is not None:
            known = levels.between(now - _LOOK_BACK, now)
            return [{"metric": {}, "value": known[-1]}] if known else []
        found = _RANGE.fullmatch(query)
        if found is None:
            raise Unreadable(FAILED, f"the recording has no answers to the query {query[:120]}")
        first = now - float(found["seconds"])
        answer: list[Any] = []
        read = SeriesReader()
        for one in self._series(found["selector"]):
            if samples := one.samples.between(first, now):
                answer.append(read({"metric": dict(one.labels), "values": samples}))
        return answer

    def knows(self, query: str) -> bool:
        """Tell whether anything was recorded of a query, at any time."""
        found = _RANGE.fullmatch(query)
        if query in self._recording.levels or found is None:
            return query in self._recording.levels
        return bool(self._series(found["selector"]))

    def _series(self, selector: str) -> Sequence[RawSeries]:
        if selector not in self._matching:
            try:
                matchers = parse_matchers(selector)
            except ValueError as error:
                raise Unreadable(FAILED, f"the selector {error}") from error
            self._matching[selector] = [
                one
                for one in self._recording.series
                if all(matcher.accepts(one.labels) for matcher in matchers)
            ]
        return self._matching[selector]
