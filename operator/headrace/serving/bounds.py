"""The bucket bounds of the server's histograms that do not come from a model's reference.

Bounds are part of what is compared: two arms can only be judged on the same ones, so a change of
a bound needs both arms on the new release.
"""

from __future__ import annotations

LATENCY_SECONDS: tuple[float, ...] = tuple(
    float(f"{10 ** (step / 10 - 3):.3g}") for step in range(41)
)
"""Upper bounds from 1 ms to 10 s, ten in each factor of ten, so about 1.26 apart.

The latency check compares whole histograms, and cannot see a shift that stays within a bucket: with
bounds 2 to 2.5 apart, as the usual defaults have, a slowdown by a fifth moves few requests across
one. Below 1 ms everything is one bucket, because nobody rolls back for a part of a millisecond.
"""

REWARD: tuple[float, ...] = tuple(step / 10 for step in range(11))
"""Upper bounds from 0 to 1. The first bucket holds exactly the rewards of zero."""

DIFFERENCE: tuple[float, ...] = tuple(
    float(f"{digit}e{power}") for power in range(-4, 4) for digit in (1, 2, 5)
)
"""Upper bounds of absolute differences between two arms' numbers, 0.0001 to 5000."""
