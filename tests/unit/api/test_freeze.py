"""Freezes: cron in a time zone, through both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from headrace.api.freeze import Freeze, first_gap, frozen

WEEKEND = Freeze(schedule="0 18 * * 5", duration="62h", timezone="Europe/Vienna")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("moment", "is_frozen"),
    [
        pytest.param("2026-11-20T17:59:59+01:00", False, id="a second before it begins"),
        pytest.param("2026-11-20T18:00:00+01:00", True, id="when it begins"),
        pytest.param("2026-11-23T07:59:59+01:00", True, id="a second before it ends"),
        pytest.param("2026-11-23T08:00:00+01:00", False, id="when it ends"),
        pytest.param("2026-03-30T08:59:59+02:00", True, id="an hour longer by the clock in March"),
        pytest.param("2026-03-30T09:00:00+02:00", False, id="62 hours after it began in March"),
        pytest.param("2026-10-26T07:00:00+01:00", False, id="62 hours after it began in October"),
        pytest.param("2026-10-26T06:59:59+01:00", True, id="a second before that"),
    ],
)
def test_a_weekend_is_62_hours_whatever_the_clocks_do(moment: str, is_frozen: bool) -> None:
    assert bool(frozen([WEEKEND], at(moment))) is is_frozen


def test_it_says_until_when_and_by_what() -> None:
    said = frozen([WEEKEND], at("2026-11-21T12:00:00+00:00"))
    assert said == 'frozen until 2026-11-23 08:00 Europe/Vienna, by "0 18 * * 5" for 2d14h'


@pytest.mark.parametrize(
    ("moment", "is_frozen"),
    [
        pytest.param("2026-10-25T02:29:59+02:00", False, id="before it, the first time"),
        pytest.param("2026-10-25T02:45:00+02:00", True, id="in it, the first time"),
        pytest.param("2026-10-25T02:20:00+01:00", True, id="50 minutes later, by an earlier clock"),
        pytest.param("2026-10-25T02:35:00+01:00", False, id="when the clock shows its start again"),
        pytest.param("2026-03-29T03:05:00+02:00", True, id="at the hour that is left out"),
    ],
)
def test_an_hour_that_is_repeated_freezes_once_and_one_that_is_left_out_still_freezes(
    moment: str, is_frozen: bool
) -> None:
    night = Freeze(schedule="30 2 * * *", duration="1h", timezone="Europe/Vienna")
    assert bool(frozen([night], at(moment))) is is_frozen


def test_windows_that_follow_each_other_are_told_as_one() -> None:
    nights = [
        Freeze(schedule="0 18 * * *", duration="6h"),
        Freeze(schedule="0 0 * * *", duration="8h"),
    ]
    assert "until 2026-11-22 08:00 UTC" in frozen(nights, at("2026-11-21T19:00:00+00:00"))


def test_a_freeze_without_an_end_says_at_least() -> None:
    always = Freeze(schedule="0 0 * * *", duration="25h")
    assert "frozen until at least " in frozen([always], at("2026-11-21T19:00:00+00:00"))


def test_a_day_that_comes_in_leap_years_only_is_found() -> None:
    leap = Freeze(schedule="0 0 29 2 *", duration="1d")
    assert not frozen([leap], at("2026-03-01T00:00:00+00:00"))
    assert frozen([leap], at("2028-02-29T12:00:00+00:00"))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        pytest.param("schedule", "0 18 * *", "not five fields", id="four fields"),
        pytest.param("schedule", "0 0 18 * * 5", "not five fields", id="six fields"),
        pytest.param("schedule", "61 18 * * 5", "no such minute", id="no such minute"),
        pytest.param("schedule", "0 0 30 2 *", "no such day-of-month", id="no such day"),
        pytest.param("schedule", "@weekly", "not five fields", id="a nickname"),
        pytest.param("timezone", "Europe/Vienne", "is no time zone", id="no such zone"),
        pytest.param("timezone", "Europe", "is no time zone", id="a folder of zones"),
        pytest.param("timezone", "../../etc/passwd", "is no time zone", id="a path"),
        pytest.param("duration", "0s", "is zero", id="no duration"),
        pytest.param("duration", "62", "no duration", id="a duration without a unit"),
    ],
)
def test_what_is_no_freeze_is_refused(field: str, value: str, said: str) -> None:
    good = {"schedule": "0 18 * * 5", "duration": "62h", "timezone": "Europe/Vienna"}
    with pytest.raises(ValidationError, match=said):
        Freeze.model_validate(good | {field: value})


FIELDS = st.builds(
    lambda minute, hour, day: f"{minute} {hour} * * {day}",
    st.sampled_from(["0", "30", "*/20", "15"]),
    st.sampled_from(["2", "*", "1-3", "23"]),
    st.sampled_from(["*", "SUN", "1-5"]),
)


@settings(max_examples=40, deadline=None)
@given(
    schedule=FIELDS,
    hours=st.sampled_from([0.25, 1, 30]),
    moment=st.integers(int(at("2026-10-23T00:00:00+00:00")), int(at("2026-10-27T00:00:00+00:00"))),
)
def test_it_is_frozen_exactly_where_a_start_is_less_than_a_duration_ago(
    schedule: str, hours: float, moment: int
) -> None:
    freeze = Freeze(schedule=schedule, duration=3600.0 * hours, timezone="Europe/Vienna")
    since = at("2026-10-20T00:00:00+00:00")
    begun = []
    for start in freeze.starts(since):
        if start > moment:
            break
        begun.append(start)
    assert begun == sorted(set(begun))
    expected = any(start <= moment < start + freeze.duration for start in begun)
    assert bool(frozen([freeze], moment)) is expected


@pytest.mark.parametrize(
    ("freezes", "has_gap"),
    [
        pytest.param([("0 18 * * 5", "62h")], True, id="weekends"),
        pytest.param([("0 0 * * *", "24h")], False, id="every day, all day"),
        pytest.param([("0 0 * * *", "86399s")], True, id="but for a second a day"),
        pytest.param([("* * * * *", "1m")], False, id="every minute"),
        pytest.param([("* * * * *", "30s")], True, id="half of every minute"),
        pytest.param([("* * * * 1-6", "1m")], True, id="every minute but on Sundays"),
        pytest.param([("0 0 * * *", "20h"), ("0 19 * * *", "5h")], False, id="two that overlap"),
        pytest.param([("0 0 29 2 *", "1d")], True, id="leap days"),
    ],
)
def test_a_gap_is_found_where_there_is_one(freezes: list[tuple[str, str]], has_gap: bool) -> None:
    made = [Freeze(schedule=schedule, duration=duration) for schedule, duration in freezes]
    gap = first_gap(made, at("2026-01-05T00:00:00+00:00"), 400 * 86_400.0)
    assert (gap is not None) is has_gap
    assert gap is None or not frozen(made, gap)


def test_starts_are_of_the_schedules_clock() -> None:
    first = next(WEEKEND.starts(at("2026-11-17T00:00:00+00:00")))
    assert datetime.fromtimestamp(first, UTC).isoformat() == "2026-11-20T17:00:00+00:00"
