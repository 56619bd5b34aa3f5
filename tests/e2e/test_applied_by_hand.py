"""What `headrace render` shows, applied stage by stage to a real cluster, under live requests."""

from __future__ import annotations

import math

import pytest

from headrace.load.counts import Ledger
from tests.e2e.cluster import Deployed, until

pytestmark = pytest.mark.timeout(900)

RATE = 15.0
SAMPLE = 600
DEVIATIONS = 4.5
"""A fair split is further away from its mean once in 150,000 samples."""


def test_users_are_led_to_the_candidate_and_lose_no_request(here: Deployed) -> None:
    here.become("idle")
    stable = here.pods("1")
    until(lambda: answered_by(here.sample(1)) == {"1"}, "the stable version answers")
    with here.users(RATE) as users:
        here.become("shadow:100")
        assert answered_by(here.sample(100)) == {"1"}
        here.become("canary:20")
        assert_split(here.sample(SAMPLE), {"1": 0.8, "2": 0.2})
        here.become("canary:50")
        assert_split(here.sample(SAMPLE), {"1": 0.5, "2": 0.5})
        assert here.pods("1") == stable
        candidate = here.pods("2")
        here.become("promoting")
        here.become("promoted")
        until(lambda: not here.pods("1"), "the version before is gone")
        assert answered_by(here.sample(100)) == {"2"}
        assert here.pods("2") == candidate
        assert_nobody_lost_anything(here, users.ledger())


def answered_by(ledger: Ledger) -> set[str]:
    return set(ledger.answered)


def assert_split(ledger: Ledger, shares: dict[str, float]) -> None:
    total = sum(ledger.answered.values())
    assert total >= 0.99 * SAMPLE
    for version, share in shares.items():
        bound = DEVIATIONS * math.sqrt(total * share * (1 - share))
        assert abs(ledger.answered[version] - total * share) <= bound, ledger.answered


def assert_nobody_lost_anything(here: Deployed, ledger: Ledger) -> None:
    assert not here.failures(), f"{here.failures()}\n{here.logs()}"
    assert not ledger.failed, ledger.failed
    assert sum(ledger.answered.values()) > 100
