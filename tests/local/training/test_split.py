from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidData, InvalidInput
from headrace.training.sample import sample_flights
from headrace.training.split import split_by_time

ROWS = sample_flights(400, days=30)


@settings(max_examples=25, deadline=None)
@given(days=st.integers(1, 29), seed=st.integers(0, 3))
def test_every_flight_is_on_one_side_and_the_holdout_is_later(days: int, seed: int) -> None:
    split = split_by_time(ROWS.sample(frac=1, random_state=seed), days)
    assert len(split.train) + len(split.holdout) == len(ROWS)
    assert split.train["scheduled"].max() < split.boundary <= split.holdout["scheduled"].min()
    assert split.train["scheduled"].is_monotonic_increasing


def test_the_boundary_is_midnight_in_new_york() -> None:
    # The last flight is on 30 January, New York's time: three days are the 28th to the 30th.
    assert ROWS["scheduled"].max().startswith("2013-01-30")
    assert split_by_time(ROWS, 3).boundary == "2013-01-28T05:00:00Z"


@pytest.mark.parametrize("days", [0, -1])
def test_no_days_to_hold_out_are_refused(days: int) -> None:
    with pytest.raises(InvalidInput, match=f"holdout_days is {days}"):
        split_by_time(ROWS, days)


def test_holding_out_everything_is_refused() -> None:
    with pytest.raises(InvalidData, match="none is left to train"):
        split_by_time(ROWS, 31)


def test_nothing_cannot_be_split() -> None:
    with pytest.raises(InvalidData, match="no rows"):
        split_by_time(ROWS.head(0), 3)
