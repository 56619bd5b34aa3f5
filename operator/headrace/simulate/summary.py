"""What many rollouts come to: shares with their uncertainty, and times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from headrace.engine.decision import Action
from headrace.simulate.rollout import Ending
from headrace.simulate.runs import Endings
from headrace.simulate.scenario import Scenario

_Z = 1.96


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the runs, with what it may be in truth at a confidence of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One policy under one scenario.

    Attributes:
        scenario: Its name.
        policy: Its name.
        healthy: Whether a rollback is false.
        runs: How many rollouts.
        rolled_back: Share that ended so; before a late onset it counts as `too_early`.
        too_early: Share rolled back before the candidate turned bad.
        promoted: Share that ended so.
        undecided: Share that ended without either.
        rollback_seconds: Median from the onset to the rollback; None without any.
        promotion_seconds: Median to the promotion; None without any.
        served: Mean number of live requests that the bad candidate answered; None if healthy.
    """

    scenario: str
    policy: str
    healthy: bool
    runs: int
    rolled_back: Share
    too_early: Share
    promoted: Share
    undecided: Share
    rollback_seconds: float | None
    promotion_seconds: float | None
    served: float | None


def summaries(scenario: Scenario, endings: Endings) -> list[Summary]:
    """Sum up every policy."""
    return [_summary(scenario, policy, some) for policy, some in endings.items()]


def _summary(scenario: Scenario, policy: str, endings: Sequence[Ending]) -> Summary:
    healthy, runs = scenario.healthy, len(endings)
    onset = 0.0 if healthy else scenario.onset
    backs = [e.seconds for e in endings if e.action is Action.ROLL_BACK]
    rightly = [seconds - onset for seconds in backs if seconds > onset]
    promotions = [e.seconds for e in endings if e.action is Action.PROMOTE]
    return Summary(
        scenario=scenario.name,
        policy=policy,
        healthy=healthy,
        runs=runs,
        rolled_back=share(len(rightly), runs),
        too_early=share(len(backs) - len(rightly), runs),
        promoted=share(len(promotions), runs),
        undecided=share(runs - len(backs) - len(promotions), runs),
        rollback_seconds=median(rightly) if rightly else None,
        promotion_seconds=median(promotions) if promotions else None,
        served=None if healthy else fmean(e.served for e in endings),
    )


def share(count: int, runs: int) -> Share:
    """Give a share with Wilson's interval.

    Args:
        count: 0 <= count <= runs.
        runs: > 0.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    p = count / runs
    spread = _Z * math.sqrt(p * (1 - p) / runs + _Z * _Z / (4 * runs * runs))
    middle, scale = p + _Z * _Z / (2 * runs), 1 + _Z * _Z / runs
    low = 0.0 if count == 0 else (middle - spread) / scale
    high = 1.0 if count == runs else (middle + spread) / scale
    return Share(p, low, high)
