"""How a rollout can end, in sentences: what rolls back, what promotes, and what never does."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.api import (
    AbTest,
    Bandit,
    BlueGreen,
    Check,
    DriftLimit,
    LatencyLimit,
    Mode,
    OnNoData,
    RolloutSpec,
    Shadow,
    Then,
)
from headrace.api.fields import format_duration

_ACTS = {
    Mode.OBSERVE: "is said, and nothing is done (mode Observe)",
    Mode.ADVISE: "pauses the rollout (mode Advise)",
    Mode.ENFORCE: "rolls back",
}


def harm_of(check: Check) -> str:
    """Say what a check takes for harm, as in `error-rate is more than stable's`."""
    subject = f"{check.subject} of {check.feature}" if check.feature else check.subject
    limit, above = check.worse_than_stable, check.above
    if limit is not None:
        way = "less" if check.higher_is_better else "more"
        if limit.tolerance == 1:
            return f"{subject} is {way} than stable's"
        share = f"1/{limit.tolerance:g}" if check.higher_is_better else f"{limit.tolerance:g}"
        return f"{subject} is {way} than {share} times stable's"
    if isinstance(above, LatencyLimit):
        slow = f"more than {1 - above.quantile:.3g} of the requests"
        return f"{subject}: {slow} take over {format_duration(above.limit)}"
    if isinstance(above, DriftLimit):
        if above.psi is not None:
            return f"{subject} is over {above.psi:g} (psi) from the training data"
        return f"{subject} has moved by over {above.moved:g} from stable's"
    if above is not None:
        return f"{subject} is above {above:g}"
    if check.below is not None:
        return f"{subject} is below {check.below:g}"
    return "requests are not split as asked, which holds the rollout"


def endings_of(spec: RolloutSpec) -> Iterator[str]:
    """Say how a rollout can end."""
    analysis, chosen = spec.analysis, spec.strategy.chosen
    yield f"Proof of harm by any check {_ACTS[analysis.mode]}, at any time."
    risk = analysis.risk.false_rollback
    yield f"A candidate that is no worse is rolled back with a probability of at most {risk:g}."
    if analysis.on_no_data is OnNoData.HOLD:
        yield "Missing data holds the rollout, and never rolls back."
    else:
        after = format_duration(analysis.no_data_timeout)
        yield f"Missing data for {after}: {analysis.on_no_data.value} (onNoData)."
    yield _success(chosen)
    if isinstance(chosen, AbTest | Bandit):
        longest, then = chosen.max_duration, chosen.if_inconclusive.value
    else:
        longest, then = analysis.max_duration, analysis.if_inconclusive.value
    yield f"After {format_duration(longest)} without a decision: {then} (ifInconclusive)."
    if chosen.post_promotion is not None:
        watch = format_duration(chosen.post_promotion.hold)
        yield f"For {watch} after the switch the checks go on, and can still roll back."
    if chosen.keep_previous:
        kept = format_duration(chosen.keep_previous)
        yield f"For {kept} after that `headrace abort` is an instant way back."


def _success(chosen: object) -> str:
    if isinstance(chosen, Shadow) and chosen.then is Then.DISCARD:
        return "Nothing is promoted: the candidate is discarded once the copies were observed."
    if isinstance(chosen, Shadow) and chosen.then is Then.PAUSE:
        return "Once the copies were observed it waits for `headrace promote`."
    if isinstance(chosen, BlueGreen) and not chosen.pre_promotion.mirror:
        return "The candidate gets no traffic, so that the switch waits for `headrace promote`."
    if isinstance(chosen, AbTest):
        return "The version that is proved to earn more is live at the end."
    if isinstance(chosen, Bandit):
        return "The version that leads when learning stops is live at the end."
    return "It is promoted once all steps have held and every required check is proved."
