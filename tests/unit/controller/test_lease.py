"""Of several controllers one leads."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.controller.lease import DURATION, MARGIN, RENEWAL, Leadership
from headrace.errors import Conflict, PlatformUnavailable
from headrace.testing import FakeClock


class Kept:
    """A lease in memory, fenced as the API server does it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.down = False
        self.version = 0
        self.looks = 0

    def read(self) -> dict[str, Any] | None:
        self.looks += 1
        if self.down:
            raise PlatformUnavailable("the API server does not answer")
        return self.lease

    def write(self, lease: dict[str, Any]) -> dict[str, Any]:
        if self.down:
            raise PlatformUnavailable("the API server does not answer")
        given = lease.get("metadata", {}).get("resourceVersion", "0")
        if given != str(self.version):
            raise Conflict("it was changed")
        self.version += 1
        self.lease = {**lease, "metadata": {"resourceVersion": str(self.version)}}
        return self.lease


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def of(kept: Kept, name: str, clock: FakeClock) -> Leadership:
    return Leadership(kept, name, clock=clock)


def test_the_first_one_leads_and_the_second_waits(clock: FakeClock) -> None:
    kept = Kept()
    first, second = of(kept, "one", clock), of(kept, "two", clock)
    assert first.step()
    assert not second.step()
    assert second.holder == "one"


def test_a_leader_that_renews_is_never_followed(clock: FakeClock) -> None:
    kept = Kept()
    first, second = of(kept, "one", clock), of(kept, "two", clock)
    for _ in range(50):
        assert first.step()
        assert not second.step()
        clock.advance(2)


def test_the_standby_leads_soon_after_the_leader_died(clock: FakeClock) -> None:
    kept = Kept()
    first, second = of(kept, "one", clock), of(kept, "two", clock)
    first.step()
    second.step()
    waited = 0.0
    while not second.step():
        clock.advance(2)
        waited += 2
    assert waited <= DURATION + 2
    assert kept.lease is not None
    assert kept.lease["spec"]["leaseTransitions"] == 1


def test_a_leader_without_an_api_server_stops_before_another_one_may_begin(
    clock: FakeClock,
) -> None:
    kept = Kept()
    first, second = of(kept, "one", clock), of(kept, "two", clock)
    first.step()
    second.step()
    kept.down = True
    clock.advance(DURATION - MARGIN)
    assert not first.step()
    kept.down = False
    assert not second.step()


def test_never_do_two_lead_at_once(clock: FakeClock) -> None:
    kept = Kept()
    ones = [of(kept, name, clock) for name in "abc"]
    for moment in range(400):
        kept.down = moment % 37 > 25
        for one in ones[moment % 3 :] + ones[: moment % 3]:
            one.step()
            assert sum(each.is_held for each in ones) <= 1
        clock.advance(0.7)


def test_one_that_restarts_under_its_name_goes_on_at_once(clock: FakeClock) -> None:
    kept = Kept()
    of(kept, "pod-a", clock).step()
    clock.advance(1)
    assert of(kept, "pod-a", clock).step()


def test_one_that_ends_gives_the_lease_back(clock: FakeClock) -> None:
    kept = Kept()
    first, second = of(kept, "one", clock), of(kept, "two", clock)
    first.step()
    second.step()
    first.close()
    assert second.step()
    assert not first.is_held


def test_a_leader_renews_without_a_look(clock: FakeClock) -> None:
    kept = Kept()
    first = of(kept, "one", clock)
    first.step()
    looks = kept.looks
    for _ in range(10):
        clock.advance(RENEWAL)
        assert first.step()
    assert kept.looks == looks


def test_a_leader_whose_lease_was_changed_or_deleted_looks_again(clock: FakeClock) -> None:
    kept = Kept()
    first = of(kept, "one", clock)
    first.step()
    kept.version += 1
    assert kept.lease is not None
    kept.lease = {**kept.lease, "metadata": {"resourceVersion": str(kept.version)}}
    for _ in range(8):
        clock.advance(RENEWAL)
        assert first.step()
    kept.lease, kept.version = None, 0
    for _ in range(8):
        clock.advance(RENEWAL)
        assert first.step()


def test_a_lease_that_somebody_emptied_is_free(clock: FakeClock) -> None:
    kept = Kept()
    kept.lease, kept.version = {"metadata": {"resourceVersion": "7"}, "spec": None}, 7
    assert of(kept, "one", clock).step()
