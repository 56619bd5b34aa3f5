"""What Prometheus' answers say of its clock."""

from __future__ import annotations

import math
import time
from email.utils import formatdate

import pytest

from headrace.metrics.clock import ServerClock


def told(ahead: float, took: float = 0.0) -> float:
    """Give the difference that an answer shows; it was written at its end."""
    now, received = 1_000_000.25, time.monotonic()
    clock = ServerClock()
    clock.note(formatdate(now + ahead, usegmt=True), received - took, received)
    return clock.offset(now)


@pytest.mark.parametrize("ahead", [0.0, 0.9, -0.9])
def test_clocks_that_whole_seconds_cannot_tell_apart_are_one(ahead: float) -> None:
    assert told(ahead) == 0.0


@pytest.mark.parametrize("ahead", [120.0, -120.0, 3.0, -3.0])
def test_a_difference_that_shows_is_known_to_a_second_and_never_too_large(ahead: float) -> None:
    assert ahead - 1.0 <= told(ahead) <= ahead + 0.01


def test_a_slow_answer_proves_less() -> None:
    assert told(-3.0, took=4.0) == 0.0
    assert told(-9.0, took=4.0) == pytest.approx(-9.0, abs=1.0)


def test_many_answers_know_better_than_one() -> None:
    clock, start = ServerClock(), time.monotonic()
    for tenth in range(30):
        received = start + tenth / 10
        clock.note(
            formatdate(math.floor(1_000_120.05 + tenth / 10), usegmt=True), received, received
        )
    ahead = clock.offset(1_000_000.05 + time.monotonic() - start)
    assert ahead == pytest.approx(120.0, abs=0.06)


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    clock, at = ServerClock(), time.monotonic()
    for shown in (1_000_000.0, 1_000_000.0 + 300):
        clock.note(formatdate(shown, usegmt=True), at, at)
    assert clock.offset(1_000_000.0) == pytest.approx(300.0, abs=1.0)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Jan 2024 00:00:00 GMT"])
def test_what_is_no_time_teaches_nothing(date: str) -> None:
    clock = ServerClock()
    clock.note(date, 0.0, 1.0)
    assert clock.offset(5.0) == 0.0
