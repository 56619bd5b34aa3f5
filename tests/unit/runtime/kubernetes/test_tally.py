"""Restarts never fall, whatever pods do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.kubernetes.pods import PodState
from headrace.runtime.kubernetes.tally import Tally


def pods(**restarts: int) -> dict[str, PodState]:
    return {uid: PodState(ready=True, restarts=n, oom_kills=n // 2) for uid, n in restarts.items()}


def test_a_pod_that_goes_leaves_its_restarts_behind() -> None:
    tally = Tally()
    assert tally.count(pods(a=2, b=3)) == (5, 2)
    assert tally.count(pods(b=3)) == (5, 2)
    assert tally.count(pods(b=4, c=1)) == (7, 3)


def test_a_new_process_goes_on_from_what_was_told() -> None:
    tally = Tally(restarts=9, oom_kills=1)
    assert tally.count({}) == (9, 1)
    assert tally.count(pods(a=4)) == (9, 2)
    assert tally.count(pods(a=5)) == (10, 2)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 5)), max_size=8))
def test_the_sum_never_falls_while_every_pods_own_count_grows(looks: list[dict[str, int]]) -> None:
    tally, highest, last = Tally(), dict.fromkeys("abc", 0), 0
    for number, look in enumerate(looks):
        for uid in look:
            highest[uid] = max(highest[uid], look[uid])
        # A pod that comes back is another one, with another uid.
        now = {f"{uid}{number}": highest[uid] for uid in look}
        restarts, _ = tally.count(pods(**now))
        assert restarts >= last
        last = restarts
