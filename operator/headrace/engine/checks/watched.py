"""The checks after the switch: questions about the candidate alone.

With all users at the candidate there is nothing to compare it with. A comparison becomes a limit:
what the check would have promoted, on the upper bound of stable's figure from before the switch.
That is weaker than the comparison was: what happens to every version alike no longer cancels, and
stable's figure is only known within its interval. What was learned of stable's dispersion stays.
"""

from __future__ import annotations

from typing import Any

from headrace.api import Check, CheckStatus, LatencyLimit
from headrace.api.fields import format_duration, parse_duration
from headrace.engine.checks.error_rate import DEFAULT_MARGIN
from headrace.engine.checks.latency import DEFAULT_QUANTILE

_HIGHEST = 0.99


def watched(check: Check, status: CheckStatus) -> Check | None:
    """Give a check as a question about the candidate alone.

    Args:
        check: As the spec has it.
        status: At the switch.

    Returns:
        None if there is no such question: answers are compared only while they are copies, and a
        limit needs a figure of stable.
    """
    comparison = check.worse_than_stable
    if comparison is None:
        return None if check.metric == "shadow-agreement" else check
    if status.stable is None:
        return None
    high = status.stable.high
    above: float | LatencyLimit
    if check.metric == "error-rate":
        margin = DEFAULT_MARGIN if comparison.margin is None else comparison.margin
        above = min(comparison.ratio * high + margin, _HIGHEST)
    elif check.metric == "latency":
        seconds = max(comparison.ratio * high, high + (comparison.margin or 0.0))
        quantile = DEFAULT_QUANTILE if comparison.quantile is None else comparison.quantile
        # As it is written in the status, so that it is the same after a restart.
        limit = parse_duration(format_duration(seconds))
        above = LatencyLimit(quantile=quantile, limit=max(limit, 0.001))
    else:
        return None
    return Check(name=check.name, metric=check.metric, above=above, required=check.required)


def learned(check: Check, before: CheckStatus, initial: dict[str, Any]) -> dict[str, Any]:
    """Give the state of a watched check: no evidence yet, but the dispersion is known.

    Args:
        check: As `watched` gave it.
        before: Its status at the switch, as a comparison or as a limit.
        initial: The watched check's state before any data.
    """
    state: dict[str, Any] = before.state
    if check.metric == "error-rate" and "reference" in state:
        return initial | {"reference": state["reference"]}
    if check.metric == "latency" and "places" in state:
        places = {}
        for name, place in state["places"].items():
            known = place.get("reference", place)
            places[name] = {
                "scatter": None,
                "dispersion": known["dispersion"],
                "bounds": [],
                "candidate": [],
            }
        return initial | {"places": places}
    return initial
