"""The drift check against the training data: is the candidate's live data still what it learned?

The reference is what the candidate's own bundle says of its training data. Its servers export
these counts beside the live ones, in the same bins: so the check needs no data but Prometheus', and
a bundle's digest vouches for them.

Every comparison with fixed data finds a difference in the end; so the null has a margin, the
population stability index. It is judged as twice the divergence `KL(reference || live)`, to which
it is close. Bins with hardly any training data are taken together: nothing can be said of them.

Harm is judged block by block, so that the time of day may move the data within the limit, and
with alternatives of several memories, so that it is found whenever it begins.

Proof is about all values together (`kernels.divergence`), and begins anew when the recent ones
contradict it: what was good for an hour says nothing of a drift that began since. Each beginning
has its part of the risk, `0.75` and then `0.25 / (k (k + 1))`, so that however often that happens
a candidate beyond the limit is promoted with no more than the risk of a missed regression, counted
from the beginning at which it was beyond. While the recent values only lie beyond the limit, and
chance may have done it, the proof waits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.engine.checks.base import State
from headrace.engine.checks.bins import Bins, bins, shrunk
from headrace.engine.checks.jumps import Jumps
from headrace.engine.checks.memories import LOG_WEIGHTS, RECENT, empty, followed
from headrace.engine.checks.state import dump, load, own
from headrace.engine.checks.wording import count, number
from headrace.engine.kernels.divergence import (
    divergence,
    log_close,
    log_contradiction,
    log_drifted,
)
from headrace.engine.kernels.mixture import Onsets
from headrace.engine.observations import Interval, MetricKey
from headrace.engine.verdicts import Reading

_RARE = 0.01
_TOGETHER = "rare ones"
_HALF_A_ROW = 0.5
_CONTRADICTED = 3.0
"""Logarithm of the likelihood ratio of what the recent values show over the limit."""
_FIRST, _LATER = 0.75, 0.25


@dataclass(frozen=True, slots=True)
class DriftFromTraining:
    """Is the candidate's distribution further from its training data than allowed?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        metric: Whose bins.
        noun: What is counted, in the singular.
        of: Which input's values, as ` of distance`; empty for predictions.
        limit: The population stability index that is allowed, > 0.
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    metric: MetricKey
    noun: str
    limit: float
    of: str = ""
    share: float = 0.25

    reason = "Drift"
    compares = False

    @property
    def _test(self) -> str:
        return f"drift-training/2 {self.metric} {self.limit!r}"

    @property
    def _tau(self) -> float:
        return self.limit / 2

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the bins; the servers count them for copies too."""
        return (self.metric,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "names": [],
            "reference": [],
            "rows": 0.0,
            "learned": [],
            "counts": [],
            "proving": [],
            "restarts": 0,
            "jumps": dump(Jumps()),
            "harm": Onsets().to_json(),
            "unknown": 0.0,
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Gather evidence from the candidate; the reference is that of its first block."""
        candidate = bins(interval.candidate)
        if interval.metric != self.metric or candidate is None:
            return state
        parts = own(state, self._test, self.initial)
        if not parts["names"]:
            reference = bins(interval.reference)
            if reference is None or reference.keys() != candidate.keys():
                return parts | {"unknown": 1.0}
            parts |= _begun(reference)
        x = _together(candidate, parts["names"])
        if x is None:
            return parts | {"unknown": 1.0}
        reference_shares = parts["reference"]
        jumps = load(Jumps, parts["jumps"])
        learned = parts["learned"]
        if sum(parts["counts"]) > 0:
            weight = len(x) / 2
            alternatives = (shrunk(memory, reference_shares, weight) for memory in learned)
            steps = [log_drifted(x, a, reference_shares, self._tau) for a in alternatives]
            harm = Onsets.from_json(parts["harm"]).grown(steps, jumps.dispersion)
            parts["harm"] = harm.to_json()
        parts["jumps"] = dump(jumps.learned(x, shrunk(learned[0], reference_shares, 1.0)))
        parts["learned"] = followed(learned, x)
        for name in ("counts", "proving"):
            parts[name] = [a + n for a, n in zip(parts[name], x, strict=True)]
        if self._contradiction(parts) > _CONTRADICTED:
            parts["proving"] = [0.0] * len(x)
            parts["restarts"] += 1
        return parts

    def _contradiction(self, parts: Mapping[str, Any]) -> float:
        reference, phi = parts["reference"], load(Jumps, parts["jumps"]).dispersion
        recent = ([n / phi for n in parts["learned"][place]] for place in RECENT)
        return max(log_contradiction(x, reference, self._tau) for x in recent)

    def _proof(self, parts: Mapping[str, Any]) -> float:
        """Give the logarithm of the evidence that the candidate is within the limit."""
        reference, phi = parts["reference"], load(Jumps, parts["jumps"]).dispersion
        beyond = any(self._beyond(parts["learned"][place], reference, phi) for place in RECENT)
        close = log_close([n / phi for n in parts["proving"]], reference, self._tau)
        restarts = parts["restarts"]
        part = _LATER / (restarts * (restarts + 1)) if restarts else _FIRST
        return (min(close, 0.0) if beyond else close) + math.log(part)

    def _beyond(self, recent: Sequence[float], reference: Sequence[float], phi: float) -> bool:
        # Chance alone makes a divergence of half a value per bin but one.
        chance = phi * (len(recent) - 1) / 2 / max(sum(recent), 1.0)
        return divergence(reference, shrunk(recent, reference, 1.0)) - chance > self._tau

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        parts = own(state, self._test, self.initial)
        harm = Onsets.from_json(parts["harm"]).log_evidence(LOG_WEIGHTS)
        total = sum(parts["counts"])
        if not total:
            sentence = f"no {self.noun}s{self.of} of the candidate yet"
            if parts["unknown"]:
                sentence = (
                    f"no training data of the candidate's {self.noun}s{self.of} in these bins"
                )
            return Reading(harm, 0.0, 0.0, 0.0, None, None, sentence)
        reference = parts["reference"]
        proof = self._proof(parts)
        index = 2 * divergence(reference, shrunk(parts["counts"], reference, 1.0))
        sentence = (
            f"candidate's {count(total, self.noun)}{self.of} are at a stability index of "
            f"{number(round(index, 3))} from its {count(parts['rows'])} training rows, "
            f"limit {number(self.limit)}"
        )
        return Reading(harm, proof, 0.0, total, None, None, sentence)


def _begun(reference: Bins) -> Mapping[str, Any]:
    """Fix the bins: those with enough training data, and the rest together."""
    rows = sum(reference.values())
    kept = sorted(name for name, n in reference.items() if n >= _RARE * rows)
    rest = rows - sum(reference[name] for name in kept)
    named = [*kept, _TOGETHER] if len(kept) < len(reference) else kept
    counts = [reference[name] for name in kept] + ([rest] if len(named) > len(kept) else [])
    smoothed = [n + _HALF_A_ROW for n in counts]
    return {
        "names": named,
        "reference": [n / sum(smoothed) for n in smoothed],
        "rows": rows,
        "learned": empty(len(named)),
        "counts": [0.0] * len(named),
        "proving": [0.0] * len(named),
    }


def _together(counts: Bins, names: Sequence[str]) -> list[float] | None:
    """Count in the fixed bins; None if one of them is missing."""
    kept = [name for name in names if name != _TOGETHER]
    if not counts.keys() >= set(kept) or (len(kept) == len(names)) != (len(counts) == len(kept)):
        return None
    x = [counts[name] for name in kept]
    return x if len(kept) == len(names) else [*x, math.fsum(counts.values()) - math.fsum(x)]
