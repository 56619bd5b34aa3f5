"""The request-split check: do the arms get the shares of the requests that were asked for?

A sample-ratio mismatch means that the comparison itself is broken: a router that has not taken
the weight, a cache in front, users bound to one arm, a candidate that drops requests before they
are counted. It says nothing against the candidate, so it holds the rollout and never ends it.

Given n requests in a block, a candidate with the weight w has Binomial(n, w) of them. For a tilt
of the odds by r the evidence is the likelihood ratio of two binomials (`kernels.one_sample`, with
the null `share = w`, at which its mean is exactly 1), mixed over tilts to both sides and over
onsets. It has a risk of its own, 1 in 1,000 rollouts.

A router that counts (smooth round robin) scatters less than that, which only slows the test down.
Requests that come in sessions scatter more, so the evidence is tempered by the scatter from one
block to the next (`checks.jumps`); the first blocks only teach how large that is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from headrace.api import Outcome
from headrace.api.status import Interval as Estimate
from headrace.engine.checks.base import State
from headrace.engine.checks.jumps import Jumps
from headrace.engine.checks.state import dump, load, own
from headrace.engine.checks.wording import count, percent, percent_with_range
from headrace.engine.kernels.confidence import share_interval
from headrace.engine.kernels.mixture import Onsets
from headrace.engine.kernels.one_sample import log_one_sample, odds_times
from headrace.engine.observations import Counts, Interval, Metric, MetricKey, Value
from headrace.engine.verdicts import Reading, Verdict

ALPHA = 0.001
TILTS = (0.02, 0.25, 0.5, 0.7, 0.83, 0.91, 1.1, 1.2, 1.4, 2.0, 4.0, 50.0)
LOG_TILT_WEIGHTS = (math.log(1 / len(TILTS)),) * len(TILTS)

_LIMIT = math.log(1 / ALPHA)
_ENOUGH_PAIRS = 8


def _requests(value: Value | None) -> float | None:
    """Give how many requests an arm had; zero is a number here, and nothing seen is None."""
    if isinstance(value, Counts) and math.isfinite(value.total) and value.total >= 0:
        return value.total
    return None


@dataclass(frozen=True, slots=True)
class RequestSplit:
    """Is the candidate's share of the live requests the one that was asked for?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for it.
    """

    name: str
    required: bool

    share = 0.0
    reason = "RequestSplit"
    compares = True

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the router's live requests; copies have no share to keep."""
        return (Metric.REQUESTS,) if live else ()

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": "request-split/1",
            "evidence": Onsets().to_json(),
            "share": 0.0,
            "jumps": dump(Jumps()),
            "asked": 0.0,
            "candidate": 0.0,
            "total": 0.0,
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Use one interval, once; the first one after a change of weight is left out."""
        share = interval.share
        if interval.metric != Metric.REQUESTS or share is None or not 0 < share < 1:
            return state
        n_c, n_s = _requests(interval.candidate), _requests(interval.stable)
        if n_c is None or n_s is None or n_c + n_s <= 0:
            return state
        parts = own(state, "request-split/1", self.initial)
        n = n_c + n_s
        jumps = load(Jumps, parts["jumps"])
        if share != parts["share"]:
            # Requests that were routed before the change are counted when they end.
            parts |= {"share": share, "jumps": dump(replace(jumps, last=()))}
            return parts
        tilted = [odds_times(share, tilt) for tilt in TILTS]
        if jumps.pairs >= _ENOUGH_PAIRS:
            steps = log_one_sample(n_c, n, tilted, share)
            parts["evidence"] = (
                Onsets.from_json(parts["evidence"]).grown(steps, jumps.dispersion).to_json()
            )
        parts["jumps"] = dump(jumps.learned((n_c, n_s), (share, 1 - share)))
        parts["asked"] += share * n
        parts["candidate"] += n_c
        parts["total"] += n
        return parts

    def read(self, state: State) -> Reading:
        """Say what the evidence of a mismatch is now, with a verdict of its own."""
        parts = own(state, "request-split/1", self.initial)
        total, candidate = parts["total"], parts["candidate"]
        if not total:
            sentence = "no requests at a steady weight yet"
            verdict = self._verdict(Outcome.INCONCLUSIVE, "NotYetSeen", sentence)
            return Reading(0.0, 0.0, 0.0, 0.0, None, None, sentence, verdict)
        log_odds = Onsets.from_json(parts["evidence"]).log_evidence(LOG_TILT_WEIGHTS)
        low, high = share_interval(candidate, total, load(Jumps, parts["jumps"]).dispersion)
        seen = Estimate(value=candidate / total, low=low, high=high)
        sentence = (
            f"candidate got {count(candidate)} of {count(total, 'request')} "
            f"({percent_with_range(seen)}), {percent(parts['asked'] / total)} was asked for"
        )
        if log_odds >= _LIMIT:
            text = f"{sentence}; the comparison cannot be trusted until the split is as asked"
            verdict = self._verdict(Outcome.INCONCLUSIVE, "Mismatch", text)
        else:
            verdict = self._verdict(Outcome.PASS, "AsAsked", sentence)
        return Reading(log_odds, 0.0, total - candidate, candidate, None, seen, sentence, verdict)

    def _verdict(self, outcome: Outcome, reason: str, message: str) -> Verdict:
        return Verdict(self.name, outcome, f"{self.reason}{reason}", message)
