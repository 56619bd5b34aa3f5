"""Tests about two shares: worse than tolerated, and proved to be within the limit.

Used for failed requests and for slow ones. The guess of stable's share must come from before the
block; it decides how fast evidence gathers, never whether it is valid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.engine.kernels.affine import log_affine
from headrace.engine.kernels.gro import log_gro
from headrace.engine.kernels.mixture import Onsets
from headrace.engine.kernels.one_sample import odds_times
from headrace.engine.kernels.overshoot import log_boost
from headrace.engine.kernels.rare import log_rare
from headrace.engine.kernels.split import log_split
from headrace.engine.observations import Counts

EFFECTS = (1.2, 1.5, 2.0, 3.2, 8.0)
"""How many times as bad as tolerated a candidate may be: as a ratio, or of odds. Their logarithms
are a factor of about two apart: between two of them little is lost."""
LOG_EFFECT_WEIGHTS = tuple(map(math.log, (0.08, 0.34, 0.28, 0.16, 0.14)))

_RARE = 0.08
"""Up to this share the split e-value has nearly all the information, and needs no guess."""
_ROOM = 0.9
_LOG_EFFECTS = tuple(map(math.log, EFFECTS))
_FAR = 5.0
"""Capital that is further below the limit than this cannot be boosted: see `overshoot`."""
_ROUNDING = 1e-9
"""Keeps evidence that was cut at a limit from falling short of it by a rounding."""

_EQUALITY = (0.6, 0.85, 1.0)
_TOWARDS_LIMIT = 0.3
_OF_MARGIN = (0.02, 0.2)
_RELATIVE, _NEAR_ZERO = (0.06, 0.12, 0.20, 0.12), (0.15, 0.15)
_AT_ANY_BASE = (0.03, 0.05, 0.07, 0.05)
LOG_PROOF_WEIGHTS = tuple(map(math.log, _RELATIVE + _NEAR_ZERO + _AT_ANY_BASE))


def grown_harm(
    onsets: Onsets,
    candidate: Counts,
    stable: Counts,
    *,
    tolerance: float,
    base: float,
    phi: float,
    limit: float,
) -> Onsets:
    """Use one block's evidence against `p_c <= tolerance p_s`.

    Args:
        onsets: The evidence so far, over `EFFECTS`.
        candidate: With exposures.
        stable: With exposures.
        tolerance: >= 1.
        base: A guess of stable's share, in (0, 1).
        phi: The dispersion, >= 1.
        limit: Logarithm of the evidence beyond which no more is needed; `inf` for none.
    """
    begun = onsets.begun(len(EFFECTS))
    grown = begun.multiplied(log_harm(candidate, stable, tolerance, base), phi)
    if phi > 1 or tolerance > 1 or not _is_split(tolerance, base):
        return grown
    if max((*onsets.running, onsets.waiting)) < limit - _FAR:
        return grown
    before = onsets.log_evidence(LOG_EFFECT_WEIGHTS)
    x_c, n_c, x_s, n_s = candidate.bad, candidate.total, stable.bad, stable.total
    bad = x_c + x_s
    none = log_split(0.0, n_c, bad, n_s, EFFECTS, 1.0)
    boost = log_boost(
        n_c,
        n_s,
        bad,
        before=before,
        waiting=begun.waiting,
        logs=[
            weight + log + step
            for weight, log, step in zip(LOG_EFFECT_WEIGHTS, begun.running, none, strict=True)
        ],
        rises=_LOG_EFFECTS,
        limit=limit,
    )
    if not boost:
        return grown
    return grown.scaled(min(boost, limit + _ROUNDING - grown.log_evidence(LOG_EFFECT_WEIGHTS)))


def _is_split(tolerance: float, base: float) -> bool:
    return base <= _RARE or tolerance * base >= _ROOM


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
    if _is_split(tolerance, base):
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
        # Whoever is beyond the limit is also beyond the ratio alone.
        ratios = [*_EQUALITY, 1 + _TOWARDS_LIMIT * (self.ratio - 1)]
        by_ratio = log_split(x_c, n_c, x_s, n_s, ratios, self.ratio)
        limit = self.ratio * base + self.margin
        rare = limit <= _RARE
        kernel = log_rare if rare else log_affine
        if self.margin == 0 and rare:
            # Of rare events only the ratio of the shares matters, whatever the base.
            by_base = by_ratio
        else:
            towards = min(base + _TOWARDS_LIMIT * (limit - base), 0.99)
            shares = [*(factor * base for factor in _EQUALITY), towards]
            by_base = [kernel(x_c, n_c, x_s, n_s, t, base, self.margin, self.ratio) for t in shares]
        if self.margin > 0 and rare:
            near_zero = [
                kernel(x_c, n_c, x_s, n_s, t, t, self.margin, self.ratio)
                for t in (factor * self.margin for factor in _OF_MARGIN)
            ]
        else:
            # Nothing can be proved near zero, or nothing is there: equality takes those places.
            near_zero = [by_base[2]] * len(_OF_MARGIN)
        return [*by_base, *near_zero, *by_ratio]
