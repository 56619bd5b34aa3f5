"""Scenarios by name: healthy candidates in trouble that is not theirs, and regressions."""

from __future__ import annotations

from headrace.simulate.scenario import Scenario, Slowdown

PRESETS = (
    Scenario("healthy"),
    Scenario("shared-incident", incidents=1),
    Scenario("bursts", burst=3.0),
    Scenario("wandering", wander=0.3),
    Scenario("outages", outage=0.2),
    Scenario("errors-x2", worse=2.0),
    Scenario("errors-x10", worse=10.0),
    Scenario("late-errors-x3", worse=3.0, onset=600.0),
    Scenario("slower-x1.2", slowdown=Slowdown(1.2)),
    Scenario("slow-tail", slowdown=Slowdown(3.0, 0.05)),
)
DEFAULT = ("healthy", "errors-x2", "slower-x1.2")
"""What is simulated when nothing is asked for."""


def named(name: str) -> tuple[Scenario, ...]:
    """Give the scenarios of a name; `all` gives all of them.

    Args:
        name: One of `PRESETS`, or `all`.
    """
    return tuple(scenario for scenario in PRESETS if name in ("all", scenario.name))
