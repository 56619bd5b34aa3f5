"""The drift check against stable: do both arms' values fall into the same bins at the same time?

For a model's inputs a random split must give both arms the same distribution, so a difference is a
fault on the way to the model. Predictions of a new model differ a little by nature: the limit is
the share that may lie in other bins.

Harm is looked for in all bins together (`kernels.moved`), with what several memories have of the
candidate as alternatives; while one is within the limit nothing is staked on it.

Proof is that no bin has more than its part of the limit too much: if `m` of the values had moved,
at least one of k bins would have gained `m / (k - 1)`. So it needs many values when there are many
bins. It waits while the candidate's recent values differ by more than the limit from stable's of
the same blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.engine.checks.base import State
from headrace.engine.checks.bins import bins, ordered, shrunk, variation
from headrace.engine.checks.jumps import Jumps
from headrace.engine.checks.memories import RECENT, WEIGHTS, empty, followed
from headrace.engine.checks.state import dump, load, own
from headrace.engine.checks.wording import count, percent
from headrace.engine.kernels.categories import Ratios
from headrace.engine.kernels.mixture import Onsets
from headrace.engine.kernels.moved import log_moved, log_not_moved
from headrace.engine.observations import Interval, MetricKey
from headrace.engine.verdicts import Reading

_STAKES = (1.0, 0.5, 0.25)
"""How much of the excess over the limit the alternatives stake on."""
LOG_WEIGHTS = tuple(math.log(weight / len(_STAKES)) for weight in WEIGHTS for _ in _STAKES)
_MEAN_DEVIATION = math.sqrt(2 / math.pi)
_TOWARDS_STABLE = 20.0
_LEAST_RATIO = 0.3


@dataclass(frozen=True, slots=True)
class DriftFromStable:
    """Do more of the candidate's values than allowed lie in other bins than stable's?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        metric: Whose bins.
        noun: What is counted, in the singular.
        of: Which input's values, as ` of distance`; empty for predictions.
        limit: The total variation that is allowed, in (0, 1).
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
    compares = True

    @property
    def _test(self) -> str:
        return f"drift-stable/2 {self.metric} {self.limit!r}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the bins; the servers count them for copies too."""
        return (self.metric,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "names": [],
            "stable": [],
            "candidate": [],
            "moved": [[], []],
            "jumps": dump(Jumps()),
            "harm": Onsets().to_json(),
            "proof": [],
            "differ": 0.0,
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Learn from stable's history, or gather evidence from both arms.

        Every block is learned from after it was judged.
        """
        if interval.metric != self.metric:
            return state
        parts = own(state, self._test, self.initial)
        stable, candidate = bins(interval.stable), bins(interval.candidate)
        if stable is None:
            return parts
        if set(parts["names"]) != stable.keys():
            if parts["candidate"]:
                return parts
            parts |= {
                "names": sorted(stable),
                "stable": empty(len(stable)),
                "jumps": dump(Jumps()),
            }
        names = parts["names"]
        x_s = [stable[name] for name in names]
        if candidate is not None:
            x_c = ordered(candidate, names)
            if x_c is None:
                return parts | {"differ": 1.0}
            self._judge(parts, x_c, x_s)
        elif parts["candidate"]:
            return parts
        parts["stable"] = followed(parts["stable"], x_s)
        expected = shrunk(parts["stable"][0], _even(x_s), 1.0)
        parts["jumps"] = dump(load(Jumps, parts["jumps"]).learned(x_s, expected))
        return parts

    def _judge(self, parts: dict[str, Any], x_c: Sequence[float], x_s: Sequence[float]) -> None:
        even = _even(x_s)
        known_s = shrunk(parts["stable"][0], even, 1.0)
        before = parts["candidate"] or empty(len(x_c))
        alternatives = [
            ratios
            for memory in before
            for ratios in self._alternatives(shrunk(memory, known_s, _TOWARDS_STABLE), known_s)
        ]
        phi = load(Jumps, parts["jumps"]).dispersion
        harm = log_moved(x_c, x_s, alternatives, self.limit)
        parts["harm"] = Onsets.from_json(parts["harm"]).grown(harm, phi).to_json()
        n_c, n_s = sum(x_c), sum(x_s)
        part = self.limit / (len(x_c) - 1)
        proof = parts["proof"] or [0.0] * len(x_c)
        parts["proof"] = [
            log + log_not_moved(x, n_c, y, n_s, p, max(1 - part / p, _LEAST_RATIO), part) / phi
            for log, x, y, p in zip(proof, x_c, x_s, known_s, strict=True)
        ]
        parts["candidate"] = followed(before, x_c)
        parts["moved"] = [
            [a + x for a, x in zip(arm or [0.0] * len(block), block, strict=True)]
            for arm, block in zip(parts["moved"], (x_s, x_c), strict=True)
        ]

    def _alternatives(self, of_c: Sequence[float], of_s: Sequence[float]) -> list[Ratios]:
        moved = variation(of_c, of_s)
        excess = max(1 - self.limit / moved, 0.0) if moved > 0 else 0.0
        return [
            tuple(1 + stake * excess * (q / p - 1) for q, p in zip(of_c, of_s, strict=True))
            for stake in _STAKES
        ]

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        parts = own(state, self._test, self.initial)
        harm = Onsets.from_json(parts["harm"]).log_evidence(LOG_WEIGHTS)
        if not parts["candidate"]:
            sentence = f"no {self.noun}s{self.of} of both arms yet"
            if parts["differ"]:
                sentence = (
                    f"no {self.noun}s{self.of} in common bins: the arms' bundles have other bins"
                )
            return Reading(harm, 0.0, 0.0, 0.0, None, None, sentence)
        of_s, of_c = parts["moved"]
        n_s, n_c = sum(of_s), sum(of_c)
        shares = [x / n_s for x in of_s], [x / n_c for x in of_c]
        gained = [c - s for s, c in zip(*shares, strict=True)]
        most = max(range(len(gained)), key=gained.__getitem__)
        sentence = (
            f"{percent(variation(*shares))} of the candidate's {count(n_c, self.noun)}{self.of} "
            f"lie in other bins than stable's {count(n_s)}, limit {percent(self.limit)}"
        )
        if gained[most] > 0:
            sentence += (
                f"; {parts['names'][most]} has {percent(shares[1][most])} of them, "
                f"stable's {percent(shares[0][most])}"
            )
        proof = min(parts["proof"])
        if any(self._beyond(parts, place) for place in RECENT):
            proof = min(proof, 0.0)
        return Reading(harm, proof, n_s, n_c, None, None, sentence)

    def _beyond(self, parts: dict[str, Any], place: int) -> bool:
        """Tell whether recent values differ by more than the limit and what chance makes."""
        of_c, of_s = parts["candidate"][place], parts["stable"][place]
        n_c, n_s = sum(of_c), sum(of_s)
        both = [(c + s) / (n_c + n_s) for c, s in zip(of_c, of_s, strict=True)]
        each = (1 / n_c + 1 / n_s) * load(Jumps, parts["jumps"]).dispersion
        chance = _MEAN_DEVIATION * sum(math.sqrt(p * (1 - p) * each) for p in both) / 2
        moved = variation([c / n_c for c in of_c], [s / n_s for s in of_s])
        return moved - chance > self.limit


def _even(counts: Sequence[float]) -> list[float]:
    return [1 / len(counts)] * len(counts)
