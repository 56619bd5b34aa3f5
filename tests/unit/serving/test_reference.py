from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidData
from headrace.serving.reference import (
    MISSING,
    OTHER,
    Categories,
    Histogram,
    Reference,
    parse_reference,
)

DECIMALS = st.integers(-10_000, 10_000).map(lambda number: number / 100)


@given(st.lists(DECIMALS | st.just(math.nan), min_size=1), st.integers(2, 20))
def test_every_value_is_counted_in_the_bin_that_the_server_would_choose(
    values: list[float], bins: int
) -> None:
    numbers = [value for value in values if not math.isnan(value)]
    if not numbers:
        with pytest.raises(InvalidData):
            Histogram.measure(values, bins)
        return
    found = Histogram.measure(values, bins)
    expected = [0] * len(found.counts)
    for value in numbers:
        expected[found.bin(value)] += 1
    assert list(found.counts) == expected
    assert found.missing == len(values) - len(numbers)
    assert len(found.counts) <= max(bins, 3)
    assert sorted(set(found.bounds)) == list(found.bounds)


@given(st.lists(DECIMALS, min_size=1))
def test_rounding_to_float32_moves_no_value_to_another_bin(values: list[float]) -> None:
    found = Histogram.measure(values)
    for value in values:
        assert found.bin(float(np.float32(value))) == found.bin(value)


def test_bins_hold_about_equally_many_values() -> None:
    counts = Histogram.measure(np.random.default_rng(0).lognormal(size=10_000), 10).counts
    assert len(counts) == 10
    assert min(counts) >= 990
    assert max(counts) <= 1010


def test_a_constant_gets_a_bin_of_its_own() -> None:
    found = Histogram.measure([5.0, 5.0, 5.0])
    assert found.counts == (0, 3, 0)
    assert found.bounds[0] < 5 < found.bounds[1]


def test_infinities_fall_into_the_outer_bins() -> None:
    found = Histogram.measure([1.0, 2.0, math.inf, -math.inf], 2)
    assert sum(found.counts) == 4


def test_rare_categories_are_counted_as_other() -> None:
    values = ["a"] * 5 + ["b"] * 3 + ["c", "d", None, "other", "missing"]
    assert Categories.measure(values, most=2).counts == {"a": 5, "b": 3, OTHER: 3, MISSING: 2}


def test_equal_counts_are_ranked_by_name() -> None:
    assert list(Categories.measure(["b", "a", "c"], most=2).counts) == ["a", "b", OTHER, MISSING]


def test_a_category_that_cannot_be_a_label_is_other() -> None:
    assert Categories.measure(["a\nb", "x" * 300, ""]).counts == {OTHER: 3, MISSING: 0}


@given(st.lists(DECIMALS, min_size=1), st.lists(st.text() | st.none()))
def test_a_reference_survives_json(numbers: list[float], texts: list[str | None]) -> None:
    reference = Reference(
        {"n": Histogram.measure(numbers), "t": Categories.measure(texts)},
        Histogram.measure(numbers),
    )
    document = json.loads(json.dumps(reference.to_document()))
    assert parse_reference(document) == (reference, [])


def histogram(**change: Any) -> dict[str, Any]:
    return {"bounds": [1.0, 2.0], "counts": [1, 2, 3], "missing": 0, **change}


@pytest.mark.parametrize(
    ("prediction", "problem"),
    [
        (None, "is null; expected an object with bounds"),
        ({"bounds": [1.0]}, "is an object; expected an object with bounds"),
        (histogram(bounds=[]), "bounds: is a list of 0"),
        (histogram(bounds=[2.0, 1.0]), "finite ascending numbers"),
        (histogram(bounds=[1.0, 1.0]), "finite ascending numbers"),
        (histogram(bounds=[1.0, math.nan]), "finite ascending numbers"),
        (histogram(bounds=[1.0, math.inf]), "finite ascending numbers"),
        (histogram(bounds=[1.0, 10**400]), "finite ascending numbers"),
        (histogram(bounds=[True, 2.0]), "finite ascending numbers"),
        (histogram(bounds=list(range(101))), "1 to 100 finite"),
        (histogram(counts=[1, 2]), "a list of 3, one more than bounds"),
        (histogram(counts=[1, 2, -3]), "negative or broken count"),
        (histogram(counts=[1, 2, 3.5]), "negative or broken count"),
        (histogram(missing=-1), "negative or broken count"),
        ({"categories": {"a": -1}}, "categories.'a': is -1; expected a whole number"),
        ({"categories": {str(n): 1 for n in range(201)}}, "at most 200 counts"),
    ],
    ids=[
        "nothing",
        "fields missing",
        "no bounds",
        "falling bounds",
        "equal bounds",
        "NaN as a bound",
        "infinity as a bound",
        "a bound that no float holds",
        "a boolean as a bound",
        "too many bounds",
        "too few counts",
        "a negative count",
        "half a count",
        "negative missing",
        "a negative category",
        "too many categories",
    ],
)
def test_a_broken_distribution_is_a_fault(prediction: object, problem: str) -> None:
    document = {
        "format": "headrace.dev/reference/v1",
        "features": {},
        "prediction": prediction,
    }
    reference, faults = parse_reference(document)
    assert reference is None
    assert [problem in str(fault) for fault in faults] == [True]
