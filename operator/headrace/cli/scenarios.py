"""The options of `headrace simulate` that say what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from headrace.api import RolloutSpec
from headrace.cli.numbers import Number
from headrace.errors import InvalidInput
from headrace.simulate.presets import DEFAULT, named, unseen
from headrace.simulate.scenario import Scenario, Slowdown

_YOURS = "as asked"
_SHARE = Number(0, 1)
_FACTOR = Number(0.01, 1e3)


@dataclass(frozen=True, slots=True)
class Knob:
    """An option that changes one field of a scenario.

    Attributes:
        option: Its name, without dashes.
        field: Of the scenario.
        kind: What it takes.
        text: For `--help`.
    """

    option: str
    field: str
    kind: click.ParamType[Any]
    text: str


TRAFFIC = (
    Knob("rate", "rate", Number(0.01, 1e5), "Requests a second.  [default: 40]"),
    Knob("base", "base", _SHARE, "Stable's share of failures.  [default: 0.01]"),
    Knob(
        "incidents",
        "incidents",
        click.IntRange(0, 100),
        "Incidents of two minutes, of both arms.",
    ),
    Knob("bursts", "burst", Number(1, 1000), "Variance of failures, times independent."),
    Knob("wander", "wander", Number(0, 2), "Spread of each arm's failure rate, as 0.3."),
    Knob("outages", "outage", Number(0, 0.9), "Share of the time without any metrics."),
)
"""They change every scenario."""

CANDIDATE = (
    Knob("errors", "worse", Number(0, 1e6), "The candidate fails so many times as often."),
    Knob("latency", "slowdown", _FACTOR, "It takes so many times as long."),
    Knob("disagreement", "disagreeing", _SHARE, "It answers this share of copies otherwise."),
    Knob(
        "drift",
        "drift",
        Number(0, 10),
        "Stability index of its predictions and inputs, as 0.3.",
    ),
    Knob("reward", "gain", Number(0, 1e3), "It earns so many times as much."),
    Knob(
        "counts",
        "counts",
        Number(0, 1e6),
        "Checks of kind Counts: so many times as many are bad.",
    ),
    Knob("means", "means", _FACTOR, "Kind Mean: the mean is so many times as bad."),
    Knob("histograms", "histograms", _FACTOR, "Kind Histogram: values so many times as large."),
    Knob("level", "level", Number(0, 1e3), "Kind Value: at so many times its threshold."),
    Knob("onset", "onset", Number(min=0), "It turns bad after so many minutes."),
)
"""They make a candidate of one's own."""


def scenario_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; see `scenarios_of`."""
    for knob in reversed((*TRAFFIC, *CANDIDATE)):
        command = click.option(f"--{knob.option}", type=knob.kind, help=knob.text)(command)
    return command


def scenarios_of(
    names: Sequence[str], given: Mapping[str, Any], spec: RolloutSpec
) -> list[Scenario]:
    """Give what is to be simulated.

    Args:
        names: Of presets.
        given: Values by option, None where an option was not given.
        spec: The rollout's.

    Raises:
        InvalidInput: Options that say nothing, or about what nobody looks at.
    """
    changed = _fields(TRAFFIC, given)
    own = _own(given)
    wanted = names or (("healthy",) if own else DEFAULT)
    chosen = {scenario.name: scenario for name in wanted for scenario in named(name, spec)}
    scenarios = [*chosen.values(), *([own] if own else [])]
    for scenario in scenarios:
        if knob := unseen(scenario, spec):
            option = next(one.option for one in CANDIDATE if one.field == knob)
            raise InvalidInput(
                f"Scenario {scenario.name!r} is about --{option}, and no check of the rollout "
                "looks at that: it would tell nothing."
            )
    return [replace(scenario, **changed) for scenario in scenarios]


def _own(given: Mapping[str, Any]) -> Scenario | None:
    fields = _fields(CANDIDATE, given)
    onset = fields.pop("onset", None)
    if not fields:
        if onset is not None:
            options = ", ".join(f"--{knob.option}" for knob in CANDIDATE[:2])
            raise InvalidInput(f"--onset says when; {options} or another must say what begins then")
        return None
    if "slowdown" in fields:
        fields["slowdown"] = Slowdown(fields["slowdown"])
    return Scenario(_YOURS, onset=60 * (onset or 0.0), **fields)


def _fields(knobs: Sequence[Knob], given: Mapping[str, Any]) -> dict[str, Any]:
    return {k.field: given[k.option] for k in knobs if given.get(k.option) is not None}
