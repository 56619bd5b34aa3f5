"""Steps and traffic: what the candidates get, for how long, and how one says it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from headrace.api import Status, Traffic
from headrace.api.fields import format_duration

ALL_STABLE = Traffic(stable=100)
ALL_CANDIDATE = Traffic(candidate=100)


@dataclass(frozen=True, slots=True)
class Step:
    """One traffic assignment and what it waits for.

    Attributes:
        traffic: What the router should carry.
        hold: Seconds for which that must have been observed.
        approval: Whether it waits for a person instead.
        fixed: Whether evidence must not shorten it.
    """

    traffic: Traffic
    hold: float = 0.0
    approval: bool = False
    fixed: bool = False

    def __str__(self) -> str:
        """Say what it is, as in `weight 5 for 5m`."""
        if self.approval:
            return "approval"
        if self.fixed:
            return f"analysis for {format_duration(self.hold)}"
        traffic = self.traffic
        kind = f"mirror {traffic.mirror}" if traffic.mirror else f"weight {traffic.live}"
        return f"{kind} for {format_duration(self.hold)}"


def traffic_at(steps: Sequence[Step], index: int) -> Traffic:
    """Give the traffic of a step; when all have held, the last one's stays.

    Args:
        steps: At least one.
        index: `0..len(steps)`.
    """
    return steps[min(index, len(steps) - 1)].traffic


def describe(traffic: Traffic) -> str:
    """Say what candidates get, as in `5 % of the traffic`."""
    if traffic.mirror:
        return f"a copy of {traffic.mirror} % of the traffic"
    return f"{traffic.live} % of the traffic" if traffic.live else "no traffic"


def weights_of(traffic: Traffic, status: Status) -> dict[str, int]:
    """Give the live weights by version, stable and every candidate, zeros too."""
    assert status.stable is not None
    assert status.candidate is not None
    weights = {status.stable.version: traffic.stable, status.candidate.version: traffic.candidate}
    for challenger in status.challengers:
        version = challenger.model.version
        weights[version] = traffic.challengers.get(version, 0)
    return weights


def traffic_of(weights: Mapping[str, int], status: Status) -> Traffic:
    """Make live traffic from weights by version.

    Args:
        weights: Of the candidates, >= 0 with a sum of at most 100; stable gets the rest.
        status: Says which candidates there are.
    """
    assert status.candidate is not None
    versions = [challenger.model.version for challenger in status.challengers]
    further = {version: weights[version] for version in versions if weights.get(version)}
    first = weights.get(status.candidate.version, 0)
    rest = 100 - first - sum(further.values())
    return Traffic(stable=rest, candidate=first, challengers=further)


def withhold(traffic: Traffic, status: Status, versions: Collection[str]) -> Traffic:
    """Give stable what some candidates would get, copies included."""
    if not versions:
        return traffic
    weights = {
        version: 0 if version in versions else weight
        for version, weight in weights_of(traffic, status).items()
    }
    left = traffic_of(weights, status)
    assert status.candidate is not None
    mirror = 0 if status.candidate.version in versions else traffic.mirror
    return left.model_copy(update={"mirror": mirror})
