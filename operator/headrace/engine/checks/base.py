"""What every check is: a sequential test with a small state that fits into `.status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from headrace.api.fields import JsonValue
from headrace.engine.observations import Interval, MetricKey
from headrace.engine.verdicts import Reading

State = Mapping[str, JsonValue]
"""A test's state: JSON values only, O(1) in time, equal to the bit after a way through JSON."""


class SequentialCheck(Protocol):
    """One question asked of the observations.

    A check is made from the spec alone and holds no state itself. `absorb` may be given
    intervals in which an arm is None or has zero exposures: they change no evidence. Intervals of
    the time before the rollout have no candidate: from them the check learns the stable arm's
    rates and dispersion, never evidence.
    """

    @property
    def name(self) -> str:
        """Its name in the spec."""
        ...

    @property
    def required(self) -> bool:
        """Whether promotion waits for its proof."""
        ...

    @property
    def share(self) -> float:
        """Its prior share of the risk, >= 0; the engine normalises over all checks.

        With a share of 0 its evidence is no part of the combined harm: its readings carry a
        verdict of their own.
        """
        ...

    @property
    def reason(self) -> str:
        """What its CamelCase reasons begin with, such as `ErrorRate`."""
        ...

    @property
    def compares(self) -> bool:
        """Whether it needs data of both arms, or of the candidate only."""
        ...

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the metrics that it needs while the candidate is live, or only mirrored to."""
        ...

    def initial(self) -> State:
        """Give the state before any data."""
        ...

    def absorb(self, state: State, interval: Interval) -> State:
        """Use one interval, once. Intervals of other metrics give the same state back."""
        ...

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        ...
