"""When no request goes by an earlier route any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from headrace.runtime.kubernetes.routes import RouteState
from headrace.runtime.kubernetes.takeover import GRACE, is_taken_over
from tests.unit.runtime.kubernetes.places import Place

LONG = 10_000.0


class Routed:
    """A route that is in place."""

    def __init__(self, router: str, kind: str) -> None:
        self.place, self.child = Place(router), (kind, "flight-delay")

    def becomes(self, **fields: Any) -> None:
        """Change what is seen of the route's object."""
        self.place.children[self.child] = replace(self.place.children[self.child], **fields)

    def is_called(self, taken: bool, problem: str = "") -> None:
        """Have the router say something of it."""
        reading = self.place.children[self.child].reading
        assert isinstance(reading, RouteState)
        self.becomes(reading=replace(reading, taken=taken, problem=problem))

    def is_taken_over(self, now: float) -> bool:
        return is_taken_over(self.place.memory, self.place.children, now)


def of_a_gateway() -> Routed:
    return Routed("GatewayAPI", "HTTPRoute")


def of_istio() -> Routed:
    return Routed("Istio", "VirtualService")


def test_a_gateway_says_so() -> None:
    route = of_a_gateway()
    route.is_called(taken=True)
    assert route.is_taken_over(0.0)


def test_a_gateway_that_says_nothing_may_still_route_as_before() -> None:
    route = of_a_gateway()
    assert not route.is_taken_over(0.0)
    assert not route.is_taken_over(LONG)


def test_a_gateway_that_refuses_a_route_is_given_a_while() -> None:
    route = of_a_gateway()
    route.is_called(taken=False, problem="NoMatchingParent")
    assert not route.is_taken_over(0.0)
    assert route.is_taken_over(GRACE)


def test_istio_never_says_anything_and_is_given_a_while() -> None:
    route = of_istio()
    assert not route.is_taken_over(0.0)
    assert not route.is_taken_over(GRACE - 0.1)
    assert route.is_taken_over(GRACE)


def test_a_route_that_was_made_anew_is_given_a_while_of_its_own() -> None:
    route = of_istio()
    assert not route.is_taken_over(0.0)
    route.becomes(uid="another")
    assert not route.is_taken_over(LONG)
    assert route.is_taken_over(LONG + GRACE)


def test_a_route_that_was_put_back_is_given_a_while_of_its_own() -> None:
    route = of_istio()
    assert not route.is_taken_over(0.0)
    route.becomes(generation=7)
    assert not route.is_taken_over(LONG)
    assert route.is_taken_over(LONG + GRACE)


def test_a_route_that_is_not_as_it_should_be_is_not_taken_over() -> None:
    route = Routed("None", "Service")
    route.becomes(applied="older")
    assert not route.is_taken_over(0.0)
    assert not route.is_taken_over(LONG)
