"""What a check says of the evidence so far, and the verdict that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import Outcome
from headrace.api.status import Interval as Estimate


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check's answer, for machines and for people."""

    check: str
    outcome: Outcome
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A check's evidence at one moment.

    Attributes:
        harm: Natural logarithm of an e-process for "the candidate is no worse than tolerated";
            0.0 without data. Large means: worse.
        proof: Natural logarithm of an e-process for "the candidate is worse than the limit";
            0.0 without data. Large means: proved to be within the limit.
        stable_samples: Exposures of the stable arm that the test has used.
        candidate_samples: The same of the candidate.
        stable: The stable arm's figure with an anytime-valid interval; None without data.
        candidate: The candidate's.
        sentence: The numbers in words, such as "candidate failed 14 of 812 requests (1.7 %,
            between 0.9 and 2.9 %), stable 0 of 820 (at most 0.5 %)". No full stop.
        verdict: For a check that judges by itself, because its numbers are no evidence of harm:
            what it says. None for all others, whose verdict follows from harm and proof.
    """

    harm: float
    proof: float
    stable_samples: float
    candidate_samples: float
    stable: Estimate | None
    candidate: Estimate | None
    sentence: str
    verdict: Verdict | None = None
