"""Whole per cent that sum to 100: how traffic is shared out over arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def evenly(total: int, arms: Sequence[str]) -> dict[str, int]:
    """Share out per cent over arms, the same for each up to one; the first get the rest."""
    part, rest = divmod(total, len(arms))
    return {arm: part + (index < rest) for index, arm in enumerate(arms)}


def whole(wishes: Mapping[str, float], floor: int) -> dict[str, int]:
    """Share out 100 per cent by wishes, each above a floor.

    Every arm gets the floor and its part of what is left, so that the order of the wishes stays;
    what rounding leaves over goes to the largest remainders.

    Args:
        wishes: By arm, >= 0, not all zero.
        floor: Whole per cent, >= 0, with `floor * arms <= 100`.
    """
    free, total = 100 - floor * len(wishes), sum(wishes.values())
    exact = {arm: free * wish / total for arm, wish in wishes.items()}
    weights = {arm: floor + int(part) for arm, part in exact.items()}
    order = sorted(exact, key=lambda arm: int(exact[arm]) - exact[arm])
    for arm in order[: 100 - sum(weights.values())]:
        weights[arm] += 1
    return weights
