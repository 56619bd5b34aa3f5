"""The checks after the switch: questions about the candidate alone.

With all users at the candidate there is nothing to compare it with. A comparison becomes a limit:
what the check would have promoted, on the bound of stable's figure from before the switch that is
easier to keep. That is weaker than the comparison was: what happens to every version alike no
longer cancels, and stable's figure is only known within its interval. What was learned of stable's
dispersion stays, and the evidence begins anew.

Not watched are the checks that are about two arms and have no figure of one: the split of the
requests, values that moved away from stable's, and answers to copies. Nor is a comparison for which
stable was not seen enough to have a figure.
"""

from __future__ import annotations

from typing import Any

from headrace.api import Analysis, Check, CheckStatus, DriftLimit, LatencyLimit, WorseThanStable
from headrace.api.fields import format_duration, parse_duration
from headrace.api.status import Interval as Estimate
from headrace.engine.checks.build import checks_of
from headrace.engine.checks.error_rate import DEFAULT_MARGIN
from headrace.engine.checks.histogram_query import HistogramQuery
from headrace.engine.checks.latency import LatencyAgainstStable, limit_for_users
from headrace.engine.checks.state import load
from headrace.engine.kernels.dispersion import Scatter

_HIGHEST = 0.99
_LEAST_SECONDS = 0.001
"""What can be written down."""


def watched(check: Check, status: CheckStatus) -> Check | str:
    """Give a check as a question about the candidate alone.

    Args:
        check: As the spec has it.
        status: At the switch.

    Returns:
        The question; or why there is none, as a phrase.
    """
    if check.metric == "shadow-agreement":
        return "answers are compared only while they are copies"
    if check.metric == "request-split":
        return "one arm has all requests"
    if isinstance(check.above, DriftLimit) and check.above.moved is not None:
        return "stable has no values any more to compare with"
    comparison = check.worse_than_stable
    if comparison is None:
        return check
    if check.subject in ("latency", "Histogram"):
        limit = _latency_limit(check, status)
    else:
        limit = _limit(check, comparison, status.stable)
    if limit is None:
        return "stable was not seen long enough before the switch to give a limit"
    return check.model_copy(update={"worse_than_stable": None, **limit})


def _latency_limit(check: Check, status: CheckStatus) -> dict[str, Any] | None:
    (test,) = checks_of(Analysis(checks=[check]))
    state = status.state.opened()
    if isinstance(test, HistogramQuery):
        test, state = test.test, state.get("inner", {})
    assert isinstance(test, LatencyAgainstStable)
    found = limit_for_users(test, state)
    if found is None:
        return None
    quantile, seconds = found
    # As it is written in the status, so that it is the same after a restart.
    limit = max(parse_duration(format_duration(seconds)), _LEAST_SECONDS)
    return {"above": LatencyLimit(quantile=quantile, limit=limit)}


def _limit(
    check: Check, comparison: WorseThanStable, figure: Estimate | None
) -> dict[str, Any] | None:
    # A mean whose scatter is not known has no interval, and so no bound that is easy to keep.
    if figure is None or (check.kind == "Mean" and figure.low >= figure.high):
        return None
    ratio, margin = comparison.ratio, comparison.margin
    if check.higher_is_better:
        least = (figure.low - (margin or 0.0)) / ratio
        return {"below": least} if least > 0 else None
    if check.kind == "Mean":
        return {"above": ratio * figure.high + (margin or 0.0)}
    margin = DEFAULT_MARGIN if margin is None else margin
    return {"above": min(ratio * figure.high + margin, _HIGHEST)}


def learned(check: Check, before: CheckStatus, initial: dict[str, Any]) -> dict[str, Any]:
    """Give the state of a watched check: no evidence yet, but what is known of the scatter.

    Args:
        check: As `watched` gave it.
        before: Its status at the switch, as a comparison or as a limit.
        initial: The watched check's state before any data.
    """
    return _learned(check, before.state.opened(), initial)


def _learned(check: Check, state: dict[str, Any], initial: dict[str, Any]) -> dict[str, Any]:
    if "inner" in state and "inner" in initial:
        return initial | {"inner": _learned(check, state["inner"], initial["inner"])}
    kept: tuple[str, ...] = ()
    match check.subject:
        case "error-rate" | "Counts" | "reward":
            kept = ("reference",)
        case "Mean":
            kept = ("history",)
        case "prediction-drift" | "feature-drift":
            kept = ("names", "reference", "rows", "learned", "jumps")
            nothing = [0.0] * len(state.get("names", ()))
            initial = initial | {"counts": nothing, "proving": nothing}
        case "latency" | "Histogram":
            return initial | {"places": _places(state.get("places", {}))}
    # A state that was never used has nothing to keep.
    return initial | {name: state[name] for name in kept if name in state}


def _places(before: dict[str, Any]) -> dict[str, Any]:
    places = {}
    for name, place in before.items():
        known = place.get("reference", place)
        dispersion = known["dispersion"]
        if known["scatter"] is not None:
            # Nothing of the candidate was seen there yet, which would have fixed it.
            dispersion = load(Scatter, known["scatter"]).dispersion().to_json()
        places[name] = {"scatter": None, "dispersion": dispersion, "bounds": [], "candidate": []}
    return places
