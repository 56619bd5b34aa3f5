"""One root of a function in a bracket: Newton's steps, kept inside by bisection.

The kernels solve hundreds of small equations per tick; Newton needs five steps where bisection
needs fifty. A step that leaves the bracket is replaced by a halving, so that the worst case is
bisection's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_STEPS = 100


def root(
    function: Callable[[float], tuple[float, float]],
    below: float,
    above: float,
    start: float,
    *,
    tolerance: float,
) -> float:
    """Find where a function changes its sign.

    Args:
        function: Gives the value and the slope (which may be approximate) at a point strictly
            between the ends.
        below: The end on whose side the value is negative.
        above: The end on whose side the value is not negative; may be less than `below`.
        start: The first point to try; outside the bracket the middle is taken.
        tolerance: The search ends where the next step would be no longer than this, > 0.

    Returns:
        The root.
    """
    rises = below < above
    low, high = (below, above) if rises else (above, below)
    point = start if low < start < high else (low + high) / 2
    for _ in range(_STEPS):
        value, slope = function(point)
        if (value < 0) is rises:
            low = point
        else:
            high = point
        step = point - value / slope if slope else math.inf
        inside = low < step < high
        if abs(step - point) <= tolerance:
            return step if inside else point
        if not inside:
            step = (low + high) / 2
            if high - low <= tolerance:
                return step
        point = step
    return point
