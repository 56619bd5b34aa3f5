"""What is known of the stable arm's failures: their share, and how they scatter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.engine.checks.blocks import counts
from headrace.engine.checks.state import dump, load
from headrace.engine.kernels.dispersion import Dispersion, Scatter
from headrace.engine.kernels.halves import HalvesScatter
from headrace.engine.observations import Counts, Halves

KEEP = 1 - 1 / 240
"""What a scrape later is left of what was learned, so that a slow change is followed: an hour."""
_PRIOR_BAD, _PRIOR_TOTAL = 0.5, 50.0
_NO_HALVES = HalvesScatter()


@dataclass(frozen=True, slots=True)
class FailureReference:
    """What was learned of stable before the block that is judged next.

    Attributes:
        bad: Discounted failures.
        total: Discounted exposures.
        scatter: What was seen of the scatter over time; None once the rollout has data.
        dispersion: What follows from it and from the halves; fixed once the rollout has data.
        halves: What was seen of the scatter between halves of the servers.
    """

    bad: float = 0.0
    total: float = 0.0
    scatter: Scatter | None = field(default_factory=lambda: Scatter.empty(1))
    dispersion: Dispersion = field(default_factory=Dispersion)
    halves: HalvesScatter = field(default_factory=HalvesScatter)

    @property
    def share(self) -> float:
        """A guess of stable's share, in (0, 1)."""
        return (self.bad + _PRIOR_BAD) / (self.total + _PRIOR_TOTAL)

    def learned(self, stable: Counts) -> FailureReference:
        """Learn a scrape's share and, before the rollout has data, its scatter."""
        scatter = self.scatter
        if scatter is not None:
            scatter = scatter.learned(stable.total, (stable.bad,))
        return FailureReference(
            self.bad * KEEP + stable.bad,
            self.total * KEEP + stable.total,
            scatter,
            self.dispersion,
            self.halves,
        )

    def with_halves(self, halves: Halves) -> FailureReference:
        """Learn how two halves of stable's servers differed in a scrape before the rollout."""
        first, second = counts(halves.first), counts(halves.second)
        if self.scatter is None or first is None or second is None:
            return self
        learned = self.halves.learned((first.bad, first.total), (second.bad, second.total))
        return replace(self, halves=learned)

    def found(self) -> Dispersion:
        """Give the dispersion that follows from what was learned so far.

        Over time the scatter has what happens to all servers alike, which a test of two arms does
        not see; between halves it lacks what wanders with the version as a whole. Nobody knows
        which of them the candidate will have, so that the larger counts.
        """
        if self.scatter is None:
            return self.dispersion
        return self.scatter.dispersion().widest(self.halves.dispersion())

    def fixed(self) -> FailureReference:
        """Fix the dispersion: what comes after must not decide how it is judged."""
        if self.scatter is None:
            return self
        return FailureReference(self.bad, self.total, None, self.found())

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "bad": self.bad,
            "total": self.total,
            "scatter": None if self.scatter is None else dump(self.scatter),
            "dispersion": self.dispersion.to_json(),
            "halves": None if self.scatter is None else dump(self.halves),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FailureReference:
        """Rebuild what `to_json` gave."""
        scatter, halves = value["scatter"], value.get("halves")
        return cls(
            value["bad"],
            value["total"],
            None if scatter is None else load(Scatter, scatter),
            Dispersion.from_json(value["dispersion"]),
            _NO_HALVES if halves is None else load(HalvesScatter, halves),
        )
