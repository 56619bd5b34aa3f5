"""People hear of a route that its router does not carry, once, when that has lasted."""

from __future__ import annotations

import pytest

from headrace.runtime.kubernetes.complaint import (
    REFUSED_SECONDS,
    SILENT_SECONDS,
    Complaint,
)
from headrace.runtime.kubernetes.routes import RouteState

LONG = 10_000.0

REFUSED = RouteState(taken=False, problem="NoMatchingParent: there is no such gateway")
IGNORED = RouteState(taken=False)


@pytest.mark.parametrize(
    "route",
    [RouteState(taken=True), RouteState(taken=None), None],
    ids=["it is carried", "its router never says", "there is none"],
)
def test_nothing_is_told_of_a_route_when(route: RouteState | None) -> None:
    complaint = Complaint()
    complaint.look(route, "GatewayAPI", 0.0)
    assert complaint.due(LONG) == []


@pytest.mark.parametrize(
    ("route", "provider", "seconds", "reason", "words"),
    [
        (REFUSED, "GatewayAPI", REFUSED_SECONDS, "RouteRefused", "there is no such gateway"),
        (IGNORED, "GatewayAPI", SILENT_SECONDS, "RouteIgnored", "is it there"),
        (IGNORED, "Seldon", SILENT_SECONDS, "RouteWaits", "Look at those that are not"),
    ],
    ids=["refused", "ignored", "waiting for servers"],
)
def test_what_lasts_is_told_once(
    route: RouteState, provider: str, seconds: float, reason: str, words: str
) -> None:
    complaint = Complaint()
    complaint.look(route, provider, 0.0)
    assert complaint.due(seconds - 0.1) == []
    complaint.look(route, provider, seconds - 0.1)
    ((told, message),) = complaint.due(seconds)
    assert told == reason
    assert words in message
    assert complaint.due(LONG) == []


def test_what_comes_again_is_told_again() -> None:
    complaint = Complaint()
    for at in (0.0, LONG):
        complaint.look(IGNORED, "GatewayAPI", at)
        assert complaint.due(at) == []
        assert len(complaint.due(at + SILENT_SECONDS)) == 1
        complaint.look(RouteState(taken=True), "GatewayAPI", at + SILENT_SECONDS)
