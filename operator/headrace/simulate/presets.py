"""Scenarios by name: healthy candidates in trouble that is not theirs, and regressions."""

from __future__ import annotations

from headrace.api import RolloutSpec
from headrace.simulate.families import families_of
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
    Scenario("disagreement", disagreeing=0.1),
    Scenario("drift", drift=0.5),
    Scenario("reward-x0.8", gain=0.8),
    Scenario("counts-x2", counts=2.0),
    Scenario("means-x1.2", means=1.2),
    Scenario("histograms-x1.5", histograms=1.5),
    Scenario("level-x1.2", level=1.2),
)
DEFAULT = ("healthy", "errors-x2", "slower-x1.2")
"""What is simulated when nothing is asked for."""

ALL = "all"


def named(name: str, spec: RolloutSpec) -> tuple[Scenario, ...]:
    """Give the scenarios of a name.

    Args:
        name: One of `PRESETS`; or `ALL` for those whose trouble the spec has a check for.
        spec: The rollout's.
    """
    if name == ALL:
        return tuple(one for one in PRESETS if not unseen(one, spec))
    return tuple(one for one in PRESETS if one.name == name)


def unseen(scenario: Scenario, spec: RolloutSpec) -> str:
    """Name what is bad in a scenario and that nothing in a spec looks at; empty if all is seen."""
    seen = {family.knob for family in families_of(spec).values()}
    knobs = ("disagreeing", "drift", "gain", "counts", "means", "histograms", "level")
    usual = scenario.before
    bad = (knob for knob in knobs if getattr(scenario, knob) != getattr(usual, knob))
    return next((knob for knob in bad if knob not in seen), "")
