from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.serving.ring import LONGEST_ID, MOST_ROWS, PAGE, Answer, Ring, is_chosen


def drained(ring: Ring, after: int = 0) -> list[Answer]:
    found: list[Answer] = []
    while page := ring.page(after).answers:
        found += page
        after = ring.page(after).next
    return found


@given(st.integers(0, 30), st.integers(1, 10), st.integers(0, 40))
def test_a_reader_gets_what_is_kept_and_newer_once_and_in_order(
    added: int, capacity: int, after: int
) -> None:
    ring = Ring(1.0, capacity)
    for number in range(1, added + 1):
        ring.add(f"id-{number}", [number / 10])
    kept = range(max(1, added - capacity + 1), added + 1)
    expected = [(number, f"id-{number}", number / 10) for number in kept if number > after]
    assert drained(ring, after) == expected


def test_a_page_is_bounded_and_says_where_to_go_on() -> None:
    ring = Ring(1.0)
    for number in range(PAGE + 5):
        ring.add(f"id-{number}", [0.5])
    assert len(ring.page(0).answers) == PAGE
    assert ring.page(0).next == PAGE
    assert len(ring.page(PAGE).answers) == 5
    assert ring.page(PAGE + 5).answers == []
    assert ring.page(PAGE + 5).next == PAGE + 5


def test_two_rings_have_different_boot_ids() -> None:
    assert Ring(1.0).boot != Ring(1.0).boot


@given(st.text(min_size=1), st.floats(0, 1))
def test_every_ring_keeps_the_same_ids(request_id: str, share: float) -> None:
    one, two = Ring(share), Ring(share)
    one.add(request_id, [0.1])
    two.add(request_id, [0.9])
    assert len(one.page(0).answers) == len(two.page(0).answers)
    assert bool(one.page(0).answers) == is_chosen(request_id[:LONGEST_ID], share)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_about_the_share_of_ids_is_kept(share: float) -> None:
    kept = sum(is_chosen(f"id-{number}", share) for number in range(10_000))
    assert kept == pytest.approx(10_000 * share, abs=200)


def test_what_a_small_share_keeps_a_larger_one_keeps_too() -> None:
    ids = [f"id-{number}" for number in range(1000)]
    small = {each for each in ids if is_chosen(each, 0.1)}
    assert small < {each for each in ids if is_chosen(each, 0.3)}


def test_a_request_without_an_id_is_not_kept() -> None:
    ring = Ring(1.0)
    ring.add("", [0.5])
    assert ring.page(0).answers == []


def test_ids_labels_and_rows_are_cut() -> None:
    ring = Ring(1.0)
    ring.add("x" * 10_000, ["y" * 10_000])
    ring.add("many", [0.5] * 1000)
    ring.add("labels", ["z" * 10_000] * 2)
    (_, long_id, label), (_, _, rows), (_, _, labels) = ring.page(0).answers
    assert long_id == "x" * LONGEST_ID
    assert label == "y" * 128
    assert rows == [0.5] * MOST_ROWS
    assert labels == ["z" * 128] * 2


def test_sequence_numbers_have_no_gaps_when_many_threads_add() -> None:
    ring = Ring(1.0, 10_000)

    def work(name: int) -> None:
        for number in range(1000):
            ring.add(f"{name}-{number}", [0.5])

    workers = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    answers = drained(ring)
    assert [sequence for sequence, _, _ in answers] == list(range(1, 8001))
    assert len({request_id for _, request_id, _ in answers}) == 8000
