"""Releases of a real model on real pods: the controller in its pod, Envoy Gateway, Prometheus.

What is asserted is what people would see: the users' own ledger, the gateway's log, the pods, the
registry's alias, `.status` and Events.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.load.counts import read_ledger
from tests.e2e.cluster import Pod, failures_since, requests_since, until
from tests.e2e.conftest import given
from tests.e2e.live import AGREEMENT, ERRORS, LATENCY, Live, Moment, champion_in, lost
from tests.e2e.models import BETTER, FAILING, FIRST, INVERTED, SLOW

pytestmark = pytest.mark.timeout(1800)

RATE = 30.0
DEVIATIONS = 4.5
"""A fair split is further away from its mean once in 150,000 samples."""

SETTLED = 3.0
"""Seconds after which the ledger has nothing of before a change."""

INTERVAL, PROMISED = 2.0, 2.0
"""Seconds: of a tick, and from then on to the traffic that is back."""

ROOM = 3.0
"""Seconds that a machine may be late which also runs everything else."""

ROOT = Path(__file__).parents[2]


def test_the_flights_example_is_rolled_out_as_make_kind_does_it(
    tmp_path: Path, digests: dict[str, str]
) -> None:
    """Trained, registered, rolled out: the second version step by step, and nobody notices."""
    gateway, champion = given("HEADRACE_GATEWAY"), given("HEADRACE_REGISTRY_URL")
    flights = Live("flight-delay", "flights.localhost", tmp_path, gateway, digests)
    flights.champion = champion_in(champion, flights.name)
    began = datetime.now(UTC).isoformat()
    environ = {**os.environ, "PYTHON": sys.executable, "FLIGHTS_HOME": str(tmp_path)}
    pods: list[dict[str, Pod]] = []
    with (
        flights.looking(tmp_path / "users.json"),
        subprocess.Popen([str(ROOT / "scripts" / "flights")], env=environ) as script,
    ):
        while script.poll() is None:
            pods.append(flights.pods(FIRST))
            time.sleep(2.0)
        assert script.returncode == 0
        until(lambda: flights.champion() == BETTER, "the alias has moved")
        flights.until_gone(FIRST)
    users = read_ledger(tmp_path / "users.json")
    assert not lost(users), (users.failed, failures_since(began, flights.host))
    assert not failures_since(began, flights.host)
    first = {(name, pod.uid, pod.restarts) for seen in pods for name, pod in seen.items()}
    assert len(first) == 1, "the stable pod never restarts, and no other takes its place"
    assert all(pod.restarts == 0 for pod in flights.pods(BETTER).values())
    assert_split_as_asked(flights.moments, [5, 25, 50])
    assert_only_copied_at_first(flights.moments)
    assert_alias_moved_last(flights)


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
        churn.until_gone(version)
        assert ledger().answered[version] == ended
        assert churn.pods(FIRST) == stable
    assert said in status["decision"]["message"].lower() + status["decision"]["reason"].lower()
    assert status["weights"]["seen"] == {"stable": 100}
    assert_taken_back_in_time(churn, version, began)


def assert_split_as_asked(moments: list[Moment], weights: list[int]) -> None:
    """While a weight was in force, users were split by it."""
    for weight in weights:
        during = [each for each in moments if each.weights == (100 - weight, weight)]
        settled = [each for each in during if each.at > during[0].at + SETTLED]
        first, last = settled[0].answered, settled[-1].answered
        answered = {version: last[version] - first.get(version, 0) for version in last}
        total, share = sum(answered.values()), weight / 100
        assert total > 100, (weight, answered)
        bound = DEVIATIONS * math.sqrt(total * share * (1 - share))
        assert abs(answered[BETTER] - total * share) <= bound, (weight, answered)


def assert_only_copied_at_first(moments: list[Moment]) -> None:
    """While requests were copied to it, the candidate answered no user."""
    mirrored = [each for each in moments if asked(each).get("mirror") == 100]
    assert mirrored
    assert all(each.weights == (100,) and not each.answered.get(BETTER) for each in mirrored)


def assert_alias_moved_last(churn: Live) -> None:
    moved = [moment for moment in churn.moments if moment.champion == BETTER]
    assert moved
    for moment in moved:
        assert moment.status["phase"] == "Healthy"
        assert moment.status["stable"]["version"] == BETTER
        assert moment.weights == (100,)
    status = churn.status()
    assert status["registered"] == {"champion": BETTER}
    assert status["history"][-1]["outcome"] == "Promoted"


def assert_taken_back_in_time(churn: Live, version: str, began: str) -> None:
    """One tick and 2 s after the scrape that shows it, no user is led there any more."""
    deciding = next(m.status for m in churn.moments if m.status.get("phase") == "RollingBack")
    scraped = max(map(datetime.fromisoformat, deciding["watermarks"].values()))
    decided = datetime.fromisoformat(deciding["decision"]["time"])
    place = f"/{churn.name}/rule/1/backend/1"
    sent = [
        datetime.fromisoformat(each["start_time"])
        for each in requests_since(began, churn.host)
        if (each["upstream_cluster"] or "").endswith(place)
    ]
    last = max(sent, default=decided)
    print(
        f"{version}: decided {decided - scraped} after the scrape, in force {last - decided} later"
    )
    assert decided - scraped <= timedelta(seconds=INTERVAL + PROMISED + ROOM)
    assert last - decided <= timedelta(seconds=PROMISED)


def asked(moment: Moment) -> dict[str, int]:
    return dict((moment.status.get("weights") or {}).get("asked") or {})
