from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.serving.counters import HistogramSample
from headrace.serving.joining import ARMS, Arm, Join
from headrace.serving.ring import Prediction
from headrace.serving.signature import Output

LATE = Output("late", "probability", 0.5)
STRICT = Output("late", "probability", 0.8)
MINUTES = Output("minutes", "number")
DEGREES = Output("degrees", "number", tolerance=2.0)
CLASS = Output("class", "label")

Events = list[tuple[Arm, int, float]]


def joined(stable: Prediction, candidate: Prediction, output: Output = LATE) -> Join:
    join = Join({})
    join.add("stable", [(1, "a", stable)], output, now=0)
    join.add("candidate", [(1, "a", candidate)], output, now=1)
    return join


def counts(join: Join) -> tuple[int, int, int]:
    return join.agreements, join.disagreements, join.incomparable


def differences(join: Join) -> HistogramSample:
    (found,) = [each for each in join.samples() if isinstance(each, HistogramSample)]
    return found


def test_a_pair_is_counted_with_its_difference() -> None:
    join = joined(0.4, 0.65)
    assert counts(join) == (0, 1, 0)
    assert differences(join).total == pytest.approx(0.25)
    assert differences(join).counts[differences(join).bounds.index(0.5)] == 1


def test_a_request_of_several_rows_counts_once_and_agrees_if_all_rows_do() -> None:
    assert counts(joined([0.1, 0.9], [0.2, 0.8])) == (1, 0, 0)
    join = joined([0.1, 0.9], [0.2, 0.3])
    assert counts(join) == (0, 1, 0)
    assert differences(join).total == pytest.approx(0.6)


def test_labels_have_no_difference() -> None:
    join = joined("yes", "no", CLASS)
    assert counts(join) == (0, 1, 0)
    assert sum(differences(join).counts) == 0


@pytest.mark.parametrize(
    ("stable", "candidate"),
    [(0.5, [0.5, 0.5]), ([0.5, 0.5], [0.5, 0.5, 0.5])],
    ids=["one row and two", "two rows and three"],
)
def test_answers_of_different_shapes_cannot_be_compared(
    stable: Prediction, candidate: Prediction
) -> None:
    assert counts(joined(stable, candidate)) == (0, 0, 1)


def test_answers_of_different_kinds_cannot_be_compared() -> None:
    join = Join({})
    join.add("stable", [(1, "a", 0.5)], LATE, now=0)
    join.add("candidate", [(1, "a", 30.0)], MINUTES, now=0)
    assert counts(join) == (0, 0, 1)


def test_the_same_id_again_counts_nothing() -> None:
    join = joined(0.1, 0.2)
    for arm in ARMS:
        join.add(arm, [(2, "a", 0.9), (3, "a", 0.9)], LATE, now=2)
    join.add("stable", [], LATE, now=1000)
    assert counts(join) == (1, 0, 0)
    assert join.unmatched == {"stable": 0, "candidate": 0}


def test_of_two_answers_to_one_id_the_first_counts() -> None:
    join = Join({})
    join.add("stable", [(1, "a", 0.1), (2, "a", 0.9)], LATE, now=0)
    join.add("candidate", [(1, "a", 0.2)], LATE, now=0)
    assert counts(join) == (1, 0, 0)


def test_an_answer_that_waited_too_long_is_unmatched_once_and_for_all() -> None:
    join = Join({}, wait=60)
    join.add("stable", [(1, "a", 0.1)], LATE, now=0)
    join.add("stable", [(2, "b", 0.1)], LATE, now=59)
    assert join.unmatched["stable"] == 0
    join.add("candidate", [], LATE, now=60)
    assert join.unmatched == {"stable": 1, "candidate": 0}
    join.add("candidate", [(1, "a", 0.1), (2, "b", 0.1)], LATE, now=61)
    join.add("candidate", [], LATE, now=1000)
    assert counts(join) == (1, 0, 0)
    assert join.unmatched == {"stable": 1, "candidate": 0}


def test_the_oldest_are_given_up_when_too_many_wait() -> None:
    join = Join({}, most=2)
    join.add("candidate", [(n, f"id-{n}", 0.1) for n in range(5)], LATE, now=0)
    assert join.unmatched["candidate"] == 3
    join.add("stable", [(n, f"id-{n}", 0.1) for n in range(5)], LATE, now=0)
    assert join.agreements == 2


def test_memory_is_bounded_however_much_comes() -> None:
    join = Join({}, most=10)
    for number in range(1000):
        join.add("stable", [(number, f"id-{number}", 0.1)], LATE, now=number)
    assert len(join._waiting["stable"]) <= 10
    assert len(join._settled) <= 20


@given(st.lists(st.tuples(st.sampled_from(ARMS), st.integers(0, 8), st.floats(0, 1)), max_size=40))
def test_every_id_is_counted_at_most_once_whatever_the_order(events: Events) -> None:
    join = Join({})
    for now, (arm, number, prediction) in enumerate(events):
        join.add(arm, [(now, f"id-{number}", prediction)], LATE, now=now / 10)
    seen = {arm: {number for each, number, _ in events if each == arm} for arm in ARMS}
    assert sum(counts(join)) == len(seen["stable"] & seen["candidate"])
    join.add("stable", [], LATE, now=1000)
    assert join.unmatched == {
        "stable": len(seen["stable"] - seen["candidate"]),
        "candidate": len(seen["candidate"] - seen["stable"]),
    }


def test_samples_carry_the_labels_and_start_at_zero() -> None:
    labels = {"model": "m", "version": "2", "stable_version": "1"}
    samples = Join(labels).samples()
    assert {each.name for each in samples} == {
        "headrace_shadow_agreements_total",
        "headrace_shadow_disagreements_total",
        "headrace_shadow_incomparable_total",
        "headrace_shadow_unmatched_total",
        "headrace_shadow_ring_errors_total",
        "headrace_shadow_difference",
    }
    assert all(labels.items() <= dict(each.labels).items() for each in samples)
    assert all(isinstance(each, HistogramSample) or each.value == 0 for each in samples)
