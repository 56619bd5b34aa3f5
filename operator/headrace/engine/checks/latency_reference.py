"""What is known of the stable arm's latency in one place of measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from headrace.engine.checks.blocks import coarsened
from headrace.engine.checks.reference import KEEP
from headrace.engine.checks.shares import WithinLimit
from headrace.engine.checks.slow_limit import SlowLimit, is_misplaced, slow_limit
from headrace.engine.checks.state import dump, load
from headrace.engine.kernels.dispersion import Dispersion, Scatter
from headrace.engine.kernels.slowdowns import smoothed_share
from headrace.engine.observations import Histogram

ENOUGH = 100.0
"""Requests of stable that must be known before a block is judged."""
_REFRESH = 20
"""Blocks after which the alternatives are built again; building costs more than judging."""
_MISFITS = 4
"""Blocks in a row with other buckets after which they are the buckets from then on."""


def exceedances(counts: Sequence[float]) -> tuple[float, ...]:
    """Count the requests above each finite bound, from counts per bucket."""
    from_top = list(accumulate(reversed(counts)))
    return tuple(reversed(from_top[:-1]))


def _within(
    bounds: Sequence[float], before: Sequence[float], counts: Sequence[float]
) -> tuple[float, ...]:
    """Count again in fewer bounds; empty stays empty."""
    if not counts:
        return ()
    return coarsened(Histogram((*before, float("inf")), tuple(counts)), bounds) or ()


@dataclass(frozen=True, slots=True)
class LatencyReference:
    """What was learned of stable before the block that is judged next.

    Attributes:
        bounds: Finite upper bounds in seconds; from the rollout's first data on those that both
            arms have. Shape `(buckets - 1,)`.
        learned: Discounted counts per bucket; empty before any data. Shape `(buckets,)`.
        scatter: What was seen of the scatter; None once the rollout has data.
        dispersion: What follows from it; fixed once the rollout has data.
        basis: What the alternatives are built from: `learned` as it was up to 20 blocks ago.
        age: Blocks since then.
        slow: Index of the bound above which a request counts as slow, for the proof; -1 before it
            is chosen. It stays, unless it turns out to be misplaced after a cold start.
        ratio: The proof's limit on the candidate's slow share is `ratio p_s + margin`.
        margin: See there.
        misfits: Blocks in a row whose buckets could not be counted in these bounds.
    """

    bounds: tuple[float, ...] = ()
    learned: tuple[float, ...] = ()
    scatter: Scatter | None = field(default_factory=lambda: Scatter.empty(0))
    dispersion: Dispersion = field(default_factory=Dispersion)
    basis: tuple[float, ...] = ()
    age: int = 0
    slow: int = -1
    ratio: float = 0.0
    margin: float = 0.0
    misfits: int = 0

    def with_history(self, stable: Histogram) -> LatencyReference:
        """Learn a scrape from before the rollout; with other bounds than before it starts anew."""
        scatter, bounds = self.scatter, stable.bounds[:-1]
        if bounds != self.bounds or scatter is None:
            fresh = LatencyReference(bounds=bounds, scatter=Scatter.empty(len(bounds)))
            return fresh.with_history(stable)
        learned = self.followed(stable.counts)
        scatter = scatter.learned(stable.size, exceedances(stable.counts))
        return replace(learned, scatter=scatter)

    def followed(self, counts: Sequence[float]) -> LatencyReference:
        """Learn a block of stable after it was judged."""
        if not self.learned:
            return replace(self, learned=tuple(counts), misfits=0)
        learned = tuple([a * KEEP + x for a, x in zip(self.learned, counts, strict=True)])
        return LatencyReference(
            self.bounds,
            learned,
            self.scatter,
            self.dispersion,
            self.basis,
            self.age + 1,
            self.slow,
            self.ratio,
            self.margin,
        )

    def fixed(self, stable: Histogram, candidate: Histogram) -> LatencyReference:
        """Fix bounds and dispersion at the first block in which both arms have data."""
        if self.scatter is None:
            return self
        before = self.bounds or stable.bounds[:-1]
        common = tuple(b for b in before if b in stable.bounds and b in candidate.bounds)
        learned = _within(common, before, self.learned)
        return LatencyReference(common, learned, None, self.scatter.dispersion())

    def misfitted(self, stable: Histogram, candidate: Histogram) -> LatencyReference:
        """Note a block that cannot be counted in these bounds.

        One such block is passed over. When they go on the buckets have been changed: then what
        was learned is kept in the bounds that are left, or learned anew if there are none. Which
        buckets are used is decided before the block that is judged, so that the test stays valid.
        """
        if self.misfits + 1 < _MISFITS:
            return replace(self, misfits=self.misfits + 1)
        shared = tuple(b for b in stable.bounds[:-1] if b in candidate.bounds)
        left = tuple(b for b in shared if b in self.bounds)
        learned = _within(left, self.bounds, self.learned) if left else ()
        return LatencyReference(left or shared, learned, None, self.dispersion)

    @property
    def ready(self) -> bool:
        """Whether enough is known to judge the next block."""
        return sum(self.learned) >= ENOUGH and bool(self.bounds)

    def prepared(self, quantile: float, ratio: float, margin: float) -> LatencyReference:
        """Choose the alternatives and the proof's limit from what is known, which is enough.

        Args:
            quantile: That the proof is about, in (0, 1).
            ratio: How many times slower a candidate must be proved not to be, > 1.
            margin: The same in seconds, >= 0; the larger of the two counts.
        """
        reference, question = self, {"quantile": quantile, "ratio": ratio, "margin": margin}
        if not self.basis or self.age >= _REFRESH:
            recent = self._recent()
            if self.slow >= 0 and is_misplaced(self.asked, recent, self.bounds, **question):
                reference = replace(self, learned=recent, slow=-1)
            reference = replace(reference, basis=reference.learned, age=0)
        if reference.slow >= 0:
            return reference
        chosen = slow_limit(reference.learned, self.bounds, **question)
        limit = chosen.limit
        return replace(reference, slow=chosen.bound, ratio=limit.ratio, margin=limit.margin)

    def _recent(self) -> tuple[float, ...]:
        """Give what was learned since the alternatives were last built; all if that is little."""
        kept = KEEP**self.age
        recent = tuple(
            max(now - kept * before, 0.0)
            for now, before in zip(self.learned, self.basis or self.learned, strict=True)
        )
        return recent if sum(recent) >= ENOUGH else self.learned

    @property
    def slow_share(self) -> float:
        """A guess of the share of stable's requests above the bound, in (0, 1)."""
        return smoothed_share(self.learned, self.slow + 1)

    @property
    def limit(self) -> WithinLimit:
        """The proof's limit on the candidate's slow share."""
        return WithinLimit(self.ratio, self.margin)

    @property
    def asked(self) -> SlowLimit:
        """The proof's question; its bound is -1 before it is chosen."""
        return SlowLimit(self.slow, self.limit)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "bounds": [*self.bounds],
            "learned": [*self.learned],
            "scatter": None if self.scatter is None else dump(self.scatter),
            "dispersion": self.dispersion.to_json(),
            "basis": [*self.basis],
            "age": self.age,
            "slow": self.slow,
            "ratio": self.ratio,
            "margin": self.margin,
            "misfits": self.misfits,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LatencyReference:
        """Rebuild what `to_json` gave."""
        scatter = value["scatter"]
        return cls(
            tuple(value["bounds"]),
            tuple(value["learned"]),
            None if scatter is None else load(Scatter, scatter),
            Dispersion.from_json(value["dispersion"]),
            tuple(value["basis"]),
            value["age"],
            value["slow"],
            value["ratio"],
            value["margin"],
            value["misfits"],
        )
