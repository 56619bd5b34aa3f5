"""A share of the candidate's requests against an absolute limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.engine.checks.shares import EFFECTS, LOG_EFFECT_WEIGHTS
from headrace.engine.kernels.mixture import Onsets, grown, log_mean
from headrace.engine.kernels.one_sample import log_one_sample, odds_times
from headrace.engine.observations import Counts

_BETTER = (0.85, 0.7, 0.5, 0.3, 0.1, 0.01)
_LOG_BETTER_WEIGHTS = tuple(map(math.log, (0.20, 0.22, 0.20, 0.16, 0.12, 0.10)))


@dataclass(frozen=True, slots=True)
class AbsoluteLimit:
    """Is the share at most the limit, or at least?

    Attributes:
        share: The limit, 0 < share < 1.
    """

    share: float

    def initial(self) -> dict[str, Any]:
        """Give the evidence before any data."""
        return {"harm": Onsets().to_json(), "proof": []}

    def grown(
        self, evidence: Mapping[str, Any], harmful: Counts, proving: Counts, phi: float
    ) -> dict[str, Any]:
        """Use one block of the candidate.

        Args:
            evidence: So far.
            harmful: Counts whose share is at most the candidate's true share in question.
            proving: Counts whose share is at least that; the same where it is counted exactly.
            phi: The dispersion, >= 1.
        """
        worse = [odds_times(self.share, effect) for effect in EFFECTS]
        better = [odds_times(self.share, factor) for factor in _BETTER]
        harm = log_one_sample(harmful.bad, harmful.total, worse, self.share)
        proof = log_one_sample(proving.bad, proving.total, better, self.share)
        return {
            "harm": Onsets.from_json(evidence["harm"]).grown(harm, phi).to_json(),
            "proof": grown(evidence["proof"], proof, phi),
        }

    def evidence(self, evidence: Mapping[str, Any]) -> tuple[float, float]:
        """Give the logarithms of the evidence of harm and of the proof."""
        return (
            Onsets.from_json(evidence["harm"]).log_evidence(LOG_EFFECT_WEIGHTS),
            log_mean(evidence["proof"], _LOG_BETTER_WEIGHTS),
        )
