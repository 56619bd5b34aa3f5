"""The plan: the versions and the traffic that should exist now. The only input of renderers."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import ModelSpec, Stickiness, Traffic


@dataclass(frozen=True, slots=True)
class Retreat:
    """A way back that was decided, as the router's object tells of it until a status does.

    Attributes:
        version: Of the candidate that loses its users.
        started: When its rollout began, Unix seconds.
        action: What was decided, as `Action` has it.
        reason: Why, in one word.
        message: Why, in a sentence.
    """

    version: str
    started: float
    action: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What should exist now, and nothing else.

    Attributes:
        stable: The version in front of the users; None before the first is known.
        candidate: The version under test; None when there is none, and its servers go away.
        traffic: Live weights, which sum to 100 where there is a stable version, and the mirror.
        challengers: Further versions under test.
        previous: A version that is kept running without traffic, as a way back.
        sticky: How users stay with the arm that answered first; None where they need not.
        retreating: Whether the candidates are on their way out. A router that waits for every
            version to be ready must forget those without traffic, or it would never move.
        retreat: Why they are, for the router's object.
        as_it_is: Whether all that exists stays as it is, since nobody knows what should.
    """

    stable: ModelSpec | None
    candidate: ModelSpec | None
    traffic: Traffic
    challengers: tuple[ModelSpec, ...] = ()
    previous: ModelSpec | None = None
    sticky: Stickiness | None = None
    retreating: bool = False
    retreat: Retreat | None = None
    as_it_is: bool = False

    @property
    def candidates(self) -> tuple[ModelSpec, ...]:
        """The versions under test, the first one first."""
        return tuple(v for v in (self.candidate, *self.challengers) if v is not None)

    @property
    def versions(self) -> tuple[ModelSpec, ...]:
        """The versions that must run, stable first."""
        first = () if self.stable is None else (self.stable,)
        last = () if self.previous is None else (self.previous,)
        return (*first, *self.candidates, *last)

    @property
    def shares(self) -> tuple[tuple[ModelSpec, int], ...]:
        """Who answers live requests and how many, in per cent: only those above zero."""
        traffic = self.traffic
        shares = [
            (self.stable, traffic.stable),
            (self.candidate, traffic.candidate),
            *((model, traffic.challengers.get(model.version, 0)) for model in self.challengers),
        ]
        return tuple((model, weight) for model, weight in shares if model is not None and weight)


AS_IT_IS = Plan(stable=None, candidate=None, traffic=Traffic(), as_it_is=True)
"""Changes nothing and takes nothing away."""
