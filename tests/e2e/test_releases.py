"""Releases of a real model on real pods: the controller in its pod, Envoy Gateway, Prometheus.

What is asserted is what people would see: the users' own ledger, the gateway's log, the pods, the
registry's alias, `.status` and Events.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.cluster import failures_since, requests_since, until
from tests.e2e.live import AGREEMENT, ERRORS, LATENCY, Live, Moment
from tests.e2e.models import BETTER, FAILING, FIRST, INVERTED, SLOW

pytestmark = pytest.mark.timeout(1800)

RATE = 30.0
DEVIATIONS = 4.5
"""A fair split is further away from its mean once in 150,000 samples."""

SETTLED = 8
"""Looks, at least 0.3 s apart, after which the ledger has nothing of before a change."""

STEPS = [
    {"mirror": 100, "hold": "8s"},
    {"weight": 5, "hold": "8s"},
    {"weight": 25, "hold": "8s"},
    {"weight": 50, "hold": "8s"},
]


def test_a_better_version_gets_the_users_step_by_step_and_nobody_notices(
    live: Callable[[str], Live], registry: Callable[[], str]
) -> None:
    churn = live("churn")
    churn.champion = registry
    churn.go_live(steps=STEPS, checks=[ERRORS, AGREEMENT])
    until(lambda: registry() == FIRST, "the registry knows the first champion")
    stable = churn.pods(FIRST)
    began = datetime.now(UTC).isoformat()
    with churn.users(RATE) as ledger:
        churn.ask_for(BETTER, steps=STEPS, checks=[ERRORS, AGREEMENT])
        until(lambda: bool(churn.pods(BETTER)), "the candidate's pods are made")
        while churn.status()["phase"] == "Progressing":
            assert churn.pods(FIRST) == stable
        churn.until("Healthy", BETTER)
        candidate = churn.pods(BETTER)
        until(lambda: registry() == BETTER, "the alias has moved")
        until(lambda: not churn.pods(FIRST), "the version before is gone")
        assert churn.pods(BETTER) == candidate
        users = ledger()
    assert sum(users.failed.values()) == 0, (users.failed, failures_since(began, churn.host))
    assert failures_since(began, churn.host).total() == 0
    assert_split_as_asked(churn.moments, [5, 25, 50])
    assert_copied(began, churn)
    assert_alias_moved_last(churn)


@pytest.mark.parametrize(
    ("version", "steps", "checks", "said"),
    [
        (FAILING, [{"weight": 25, "hold": "2m"}], [ERRORS], "error"),
        (SLOW, [{"weight": 25, "hold": "2m"}], [LATENCY], "latency"),
        (INVERTED, [{"mirror": 100, "hold": "2m"}], [AGREEMENT], "agree"),
    ],
    ids=["errors", "slow", "wrong answers"],
)
def test_a_worse_version_is_taken_back_at_once(
    live: Callable[[str], Live],
    version: str,
    steps: list[dict[str, Any]],
    checks: list[dict[str, Any]],
    said: str,
) -> None:
    churn = live(f"worse-{version}")
    churn.go_live(steps=steps, checks=checks)
    stable = churn.pods(FIRST)
    began = datetime.now(UTC).isoformat()
    with churn.users(RATE) as ledger:
        churn.ask_for(version, steps=steps, checks=checks)
        status = churn.until("RolledBack", version)
        ended = ledger().answered[version]
        until(lambda: not churn.pods(version), "the candidate is gone")
        assert ledger().answered[version] == ended
        assert churn.pods(FIRST) == stable
    assert said in status["decision"]["message"].lower() + status["decision"]["reason"].lower()
    assert status["weights"]["seen"] == {"stable": 100}
    assert_taken_back_in_time(churn, version, began)


def assert_split_as_asked(moments: list[Moment], weights: list[int]) -> None:
    """While a weight was in force, users were split by it."""
    for weight in weights:
        during = [each for each in moments if candidate_weight(each, "asked") == weight]
        seen = [each for each in during if candidate_weight(each, "seen") == weight]
        assert len(seen) > SETTLED, (weight, len(seen))
        first, last = seen[SETTLED].answered, seen[-1].answered
        answered = {version: last.get(version, 0) - first.get(version, 0) for version in last}
        total, share = sum(answered.values()), weight / 100
        assert total > 50, answered
        bound = DEVIATIONS * math.sqrt(total * share * (1 - share))
        assert abs(answered[BETTER] - total * share) <= bound + 1, (weight, answered)


def assert_copied(began: str, churn: Live) -> None:
    """While requests were only copied to it, the candidate answered no user."""
    mirrored = [m for m in churn.moments if weights(m, "asked").get("mirror") == 100]
    assert mirrored
    assert all(moment.answered.get(BETTER, 0) == 0 for moment in mirrored)
    assert requests_since(began, churn.host)


def assert_alias_moved_last(churn: Live) -> None:
    moved = [moment for moment in churn.moments if moment.champion == BETTER]
    assert moved
    for moment in moved:
        assert moment.status["phase"] == "Healthy"
        assert moment.status["stable"]["version"] == BETTER
        assert weights(moment, "seen") == {"stable": 100}
    reasons = [reason for reason, _, _ in churn.events()]
    last = len(reasons) - 1 - reasons[::-1].index("ChampionMoved")
    assert reasons.index("RolloutStarts") < last
    assert churn.status()["history"][-1]["outcome"] == "Promoted"


def assert_taken_back_in_time(churn: Live, version: str, began: str) -> None:
    """One tick and 2 s after the scrape that shows it, no user is led there any more."""
    deciding = next(m.status for m in churn.moments if m.status.get("phase") == "RollingBack")
    decided = datetime.fromisoformat(deciding["decision"]["time"])
    route = f"/{churn.name}/rule/1/backend/1"
    sent = [
        datetime.fromisoformat(each["start_time"])
        for each in requests_since(began, churn.host)
        if (each.get("upstream_cluster") or "").endswith(route)
    ]
    last = max(sent, default=decided)
    print(
        f"{version}: the last request {(last - decided).total_seconds():.2f} s after the decision"
    )
    assert last - decided <= timedelta(seconds=2)


def candidate_weight(moment: Moment, kind: str) -> int:
    return int(weights(moment, kind).get("candidate", 0))


def weights(moment: Moment, kind: str) -> dict[str, Any]:
    return dict((moment.status.get("weights") or {}).get(kind) or {})
