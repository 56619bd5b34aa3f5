"""Mixtures of e-processes: over the size of an effect, and over the time of its onset.

A weighted mean of e-processes is an e-process, so that one test looks for effects of all sizes
at the price of `ln(1/weight)`.

**Effects.** `log E = logsumexp_j(ln pi_j + sum_k log S_k(j))`: the state is one sum per effect.

**Onsets.** A candidate that goes bad after an hour would have to undo an hour of good evidence.
So each effect is also mixed over the block with which it begins::

    A_j <- (A_j + omega_t) S_j          E = sum_j pi_j (A_j + 1 - sum_{s<=t} omega_s)

where `omega_1 = 0.75` and the rest is spread with a hazard of `1/(20 + t)` per block: of the
capital that waits, `20/(20 + t)` still does after t blocks, so that a regression is found as well
in the tenth hour as in the first (a constant hazard would have spent all by then). It is an
e-process because each addend is: a unit of capital that waits until t is 1 before and a product
after. The state is one logarithm per effect, the logarithm of the capital that still waits, and
the number of blocks.

Source: Robbins 1970, "Statistical methods related to the law of the iterated logarithm" (effects);
Shin, Ramdas and Rinaldo 2024, "E-detectors" (onsets).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LOG_FIRST = math.log(0.75)
_LOG_REST = math.log(0.25)
_PATIENCE = 20.0
"""Blocks until half of the capital that waits has begun."""


def log_sum(values: Sequence[float]) -> float:
    """Give the logarithm of a sum of exponentials; the values are finite, at least one."""
    top = max(values)
    return top + math.log(sum([math.exp(value - top) for value in values]))


def log_mean(logs: Sequence[float], log_weights: Sequence[float]) -> float:
    """Give the logarithm of the weighted mean of e-processes.

    Args:
        logs: The e-processes' logarithms; empty before any data.
        log_weights: Logarithms of weights that sum to 1, of the same length.
    """
    if not logs:
        return 0.0
    return log_sum([weight + log for weight, log in zip(log_weights, logs, strict=True)])


def grown(logs: Sequence[float], steps: Sequence[float], phi: float) -> list[float]:
    """Multiply each e-process by its tempered e-value of one block.

    Args:
        logs: The e-processes' logarithms; empty before any data.
        steps: Logarithms of the block's e-values, one per effect.
        phi: The dispersion, >= 1. A power of at most 1 of an e-value is an e-value (Jensen).
    """
    if not logs:
        return [step / phi for step in steps]
    return [log + step / phi for log, step in zip(logs, steps, strict=True)]


@dataclass(frozen=True, slots=True)
class Onsets:
    """The state of a mixture over effects and onsets.

    Attributes:
        running: Per effect, the logarithm of the capital that has begun; empty before any data.
        waiting: Logarithm of the capital that waits for a later onset.
        blocks: How many were judged.
    """

    running: tuple[float, ...] = ()
    waiting: float = 0.0
    blocks: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {"running": [*self.running], "waiting": self.waiting, "blocks": self.blocks}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Onsets:
        """Rebuild what `to_json` gave."""
        return cls(tuple(value["running"]), value["waiting"], value["blocks"])

    def begun(self, effects: int) -> Onsets:
        """Let the next block's share of the waiting capital begin: what is known before it.

        Args:
            effects: How many there are.
        """
        if not self.running:
            return Onsets((_LOG_FIRST,) * effects, _LOG_REST, 1)
        hazard = 1 / (_PATIENCE + self.blocks)
        begin = self.waiting + math.log(hazard)
        running = []
        for log in self.running:
            more, less = (log, begin) if log > begin else (begin, log)
            running.append(more + math.log1p(math.exp(less - more)))
        return Onsets(tuple(running), self.waiting + math.log1p(-hazard), self.blocks + 1)

    def multiplied(self, steps: Sequence[float], phi: float) -> Onsets:
        """Use the e-values of the block that was begun; see `grown` for the arguments."""
        running = tuple([log + step / phi for log, step in zip(self.running, steps, strict=True)])
        return Onsets(running, self.waiting, self.blocks)

    def grown(self, steps: Sequence[float], phi: float) -> Onsets:
        """Begin a block and use its e-values."""
        return self.begun(len(steps)).multiplied(steps, phi)

    def scaled(self, log_factor: float) -> Onsets:
        """Multiply all of the capital."""
        running = tuple([log + log_factor for log in self.running])
        return Onsets(running, self.waiting + log_factor, self.blocks)

    def log_evidence(self, log_weights: Sequence[float]) -> float:
        """Give the logarithm of the e-process.

        Args:
            log_weights: Logarithms of the effects' weights, which sum to 1.
        """
        if not self.running:
            return 0.0
        logs = [weight + log for weight, log in zip(log_weights, self.running, strict=True)]
        logs.append(self.waiting)
        return log_sum(logs)
