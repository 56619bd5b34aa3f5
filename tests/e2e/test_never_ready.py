"""Versions whose pods never serve: no request reaches them, and the reason is the kubelet's."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.cluster import failures_since, requests_since
from tests.e2e.live import Live, lost
from tests.e2e.models import BETTER, FIRST, HUGE

pytestmark = pytest.mark.timeout(1800)

RATE = 5.0

CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "crash-loop": (BETTER, {"handler": "headrace.no.such.Module"}, "exit code 1"),
    "missing-image": (
        BETTER,
        # What never starts needs no time to do so; a minute comes on top.
        {"serving": {"image": "registry.invalid/none:1", "startupTimeout": "1s"}},
        "ImagePull",
    ),
    "wrong-digest": (BETTER, {"digest": f"sha256:{'0' * 64}"}, "has digest sha256:"),
    "out-of-memory": (HUGE, {}, "CandidateOutOfMemory"),
}
"""The version, what is asked for, and an expression of what the message must have."""


def test_no_request_reaches_a_version_that_never_serves(live: Callable[[str], Live]) -> None:
    """All at the same time: what takes time is waiting."""
    lives = {name: live(name) for name in CASES}
    for each in lives.values():
        each.ask_for(FIRST)
    for each in lives.values():
        each.go_live()
    stable = {name: each.pods(FIRST) for name, each in lives.items()}
    began = datetime.now(UTC).isoformat()
    with ExitStack() as users:
        ledgers = {name: users.enter_context(each.users(RATE)) for name, each in lives.items()}
        for name, (version, changes, _) in CASES.items():
            lives[name].ask_for(version, **changes)
        for name, (version, _, _) in CASES.items():
            lives[name].until("RolledBack", version)
        sent = {name: ledger() for name, ledger in ledgers.items()}
    for name, (version, _, said) in CASES.items():
        here = lives[name]
        message = told(here, version)
        print(f"{name}: {message}")
        assert re.search(said, message), name
        assert set(sent[name].answered) == {FIRST}, sent[name]
        assert not lost(sent[name]), sent[name]
        assert not failures_since(began, here.host), name
        assert served_by(here, began) == {"0"}, "only the rule of stable alone was open"
        assert stable[name].items() <= here.pods(FIRST).items(), "the stable pod has not changed"
        here.until_gone(version)


def told(here: Live, version: str) -> str:
    """Give what the status says of a version that was rolled back, as people read it."""
    (entry,) = (each for each in here.status()["history"] if each["version"] == version)
    assert entry["outcome"] == "RolledBack"
    return f"{entry['reason']}: {entry['message']}"


def served_by(here: Live, began: str) -> set[str]:
    """Give the places of the rules of the route by which requests went."""
    clusters = [each["upstream_cluster"] for each in requests_since(began, here.host)]
    assert clusters
    return {cluster.split("/rule/")[1].split("/")[0] for cluster in clusters}
