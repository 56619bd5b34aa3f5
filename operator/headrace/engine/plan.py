"""The plan: the versions and the traffic that should exist now. The only input of renderers."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import ModelSpec, Traffic


@dataclass(frozen=True, slots=True)
class Plan:
    """What should exist now, and nothing else.

    Attributes:
        stable: The version in front of the users; None before the first is known.
        candidate: The version under test; None when there is none, and its servers go away.
        traffic: Live weights, which sum to 100 where there is a stable version, and the mirror.
    """

    stable: ModelSpec | None
    candidate: ModelSpec | None
    traffic: Traffic

    @property
    def versions(self) -> tuple[ModelSpec, ...]:
        """The versions that must run, stable first."""
        return tuple(v for v in (self.stable, self.candidate) if v is not None)
