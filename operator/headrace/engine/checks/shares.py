"""Tests about two shares: worse than tolerated, and proved to be within the limit.

Used for failed requests and for slow ones. The guess of stable's share must come from before the
block; it decides how fast evidence gathers, never whether it is valid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.engine.kernels.affine import log_affine
from headrace.engine.kernels.gro import log_gro
from headrace.engine.kernels.one_sample import odds_times
from headrace.engine.kernels.split import log_split
from headrace.engine.observations import Counts

EFFECTS = (1.2, 1.4, 1.7, 2.2, 3.0, 5.0, 12.0)
"""How many times as bad as tolerated a candidate may be: as a ratio, or of odds."""
LOG_EFFECT_WEIGHTS = tuple(map(math.log, (0.14, 0.20, 0.22, 0.18, 0.12, 0.08, 0.06)))

_RARE = 0.08
"""Up to this share the split e-value has nearly all the information, and needs no guess."""
_ROOM = 0.9

_EQUALITY = (0.6, 0.85, 1.0)
_TOWARDS_LIMIT = 0.3
_OF_MARGIN = (0.02, 0.2)
_RELATIVE, _NEAR_ZERO = (0.06, 0.12, 0.20, 0.12), (0.15, 0.15)
_AT_ANY_BASE = (0.03, 0.05, 0.07, 0.05)
LOG_PROOF_WEIGHTS = tuple(map(math.log, _RELATIVE + _NEAR_ZERO + _AT_ANY_BASE))


def log_harm(candidate: Counts, stable: Counts, tolerance: float, base: float) -> list[float]:
    """Give one block's evidence against `p_c <= tolerance p_s`, per effect of `EFFECTS`.

    Args:
        candidate: With exposures.
        stable: With exposures.
        tolerance: >= 1.
        base: A guess of stable's share, in (0, 1).
    """
    x_c, n_c, x_s, n_s = candidate.bad, candidate.total, stable.bad, stable.total
    edge = tolerance * base
    if base <= _RARE or edge >= _ROOM:
        ratios = [tolerance * effect for effect in EFFECTS]
        return log_split(x_c, n_c, x_s, n_s, ratios, tolerance)
    worse = [odds_times(edge, effect) for effect in EFFECTS]
    if tolerance == 1:
        return [log_gro(x_c, n_c, x_s, n_s, share, base) for share in worse]
    return [log_affine(x_c, n_c, x_s, n_s, share, base, 0.0, tolerance) for share in worse]


@dataclass(frozen=True, slots=True)
class WithinLimit:
    """The proof of `p_c < ratio p_s + margin`, the limit.

    Alternatives lie inside the limit: relative to the guessed base; near zero, for services that
    hardly ever fail; and as ratios with any base, for times when the guess is wrong.

    Attributes:
        ratio: > 1.
        margin: A share, >= 0.
    """

    ratio: float
    margin: float

    def log_proof(self, candidate: Counts, stable: Counts, base: float) -> list[float]:
        """Give one block's evidence against `p_c >= ratio p_s + margin`, per alternative.

        The alternatives are as many for every limit, because one proof may go on from blocks of
        one limit to blocks of another: their weights are `LOG_PROOF_WEIGHTS`.

        Args:
            candidate: With exposures.
            stable: With exposures.
            base: A guess of stable's share, in (0, 1).
        """
        x_c, n_c, x_s, n_s = candidate.bad, candidate.total, stable.bad, stable.total
        limit = self.ratio * base + self.margin
        shares = [factor * base for factor in _EQUALITY]
        shares.append(min(base + _TOWARDS_LIMIT * (limit - base), 0.99))
        points = [(share, base) for share in shares]
        if self.margin > 0:
            points += [(factor * self.margin, factor * self.margin) for factor in _OF_MARGIN]
        else:
            # Without a margin nothing can be proved near zero: equality takes those places.
            points += [(base, base)] * len(_OF_MARGIN)
        steps = [
            log_affine(x_c, n_c, x_s, n_s, t_c, t_s, self.margin, self.ratio) for t_c, t_s in points
        ]
        # Whoever is beyond the limit is also beyond the ratio alone.
        ratios = [*_EQUALITY, 1 + _TOWARDS_LIMIT * (self.ratio - 1)]
        return steps + log_split(x_c, n_c, x_s, n_s, ratios, self.ratio)
