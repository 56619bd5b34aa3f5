"""What counts as a slow request, and how many a candidate may have: the limit of the proof.

The user asks about a quantile in seconds; a histogram answers about the share of requests above
one of its bounds. The limit is on that share: what stable's would be if each of its requests took
`max(ratio t, t + margin)`, read off stable's histogram.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from headrace.engine.checks.shares import WithinLimit
from headrace.engine.kernels.slowdowns import distribution, smoothed

_LEAST_RATIO, _MOST_RATIO = 1.2, 2.0
_OF_TAIL = 0.1
_MOST = 0.95
_HOPELESS = 3.0
"""How many times as long a proof may take as with the best limit before it is asked anew."""


@dataclass(frozen=True, slots=True)
class SlowLimit:
    """A bound, and the limit on the share of slower requests.

    Attributes:
        bound: Index of the bucket bound above which a request is slow.
        limit: What the candidate's slow share must be proved to be less than.
    """

    bound: int
    limit: WithinLimit


def slow_limit(
    learned: Sequence[float],
    bounds: Sequence[float],
    *,
    quantile: float,
    ratio: float,
    margin: float,
) -> SlowLimit:
    """Choose the bound and the limit.

    Of the bounds from just below stable's quantile up to where the slower stable would have it,
    the one is taken at which a proof needs the fewest requests; if a margin is wider than all of
    these, the first bound beyond. Where stable's slow share is far below its limit (a bucket wider
    than the slowdown), a multiple of it would allow anything once it rises a little: then most of
    the limit is absolute. Where even a candidate at the limit would hardly ever be slow, the
    bucket is too wide to tell, and the limit is a tenth of the tail that the user asked about.

    Args:
        learned: Stable's counts per bucket; one more than the bounds.
        bounds: Finite upper bounds in seconds, rising; at least one.
        quantile: In (0, 1).
        ratio: How many times slower a candidate must be proved not to be, > 1.
        margin: The same in seconds, >= 0; the larger of the two counts.
    """
    probabilities = smoothed(learned)
    within = distribution(probabilities, bounds)
    below = list(accumulate(probabilities))
    last = len(bounds) - 1
    places = _places(below, bounds, quantile, ratio, margin)
    floor = _OF_TAIL * (1 - quantile)
    best, most = SlowLimit(last, WithinLimit(_LEAST_RATIO, floor)), -1.0
    for bound in range(places.start, last + 1):
        if bound not in places and most >= 0:
            break
        edge = min(bounds[bound] / ratio, bounds[bound] - margin)
        if edge <= 0:
            continue
        share = 1 - below[bound]
        allowed = 1 - within(edge)
        slope = min(max(allowed / share, _LEAST_RATIO), _MOST_RATIO)
        intercept = max(allowed - slope * share, 0.0)
        if allowed < floor:
            intercept = floor
        if slope * share + intercept >= _MOST:
            continue
        information = _divergence(share, min(allowed, slope * share + intercept))
        if information > most:
            best, most = SlowLimit(bound, WithinLimit(slope, intercept)), information
    return best


def is_misplaced(
    chosen: SlowLimit,
    learned: Sequence[float],
    bounds: Sequence[float],
    *,
    quantile: float,
    ratio: float,
    margin: float,
) -> bool:
    """Tell whether a bound or its limit is far from what one would choose now.

    So it is after a cold start, whose first requests were slow. The bound may lie where no request
    comes any more, or the limit may be a multiple of a share that has become next to nothing: then
    even a perfect candidate would have to be watched for ever.

    Args:
        chosen: Before.
        learned: Stable's counts per bucket; one more than the bounds.
        bounds: Finite upper bounds in seconds, rising.
        quantile: In (0, 1).
        ratio: As for `slow_limit`.
        margin: As for `slow_limit`.
    """
    below = list(accumulate(smoothed(learned)))
    if chosen.bound > _places(below, bounds, quantile, ratio, margin).stop:
        return True
    question = {"quantile": quantile, "ratio": ratio, "margin": margin}
    best = slow_limit(learned, bounds, **question)
    return _information(best, below) > _HOPELESS * _information(chosen, below)


def _information(chosen: SlowLimit, below: Sequence[float]) -> float:
    """Give what one request of a candidate as good as stable tells, for the proof."""
    share = 1 - below[chosen.bound]
    allowed = min(chosen.limit.ratio * share + chosen.limit.margin, _MOST)
    return _divergence(share, allowed) if allowed > share else 0.0


def _places(
    below: Sequence[float], bounds: Sequence[float], quantile: float, ratio: float, margin: float
) -> range:
    """Give the bounds from just below stable's quantile to where the slower stable has it."""
    last = len(bounds) - 1
    upper = next((i for i in range(last) if below[i] >= quantile), last)
    reach = max(ratio * bounds[upper], bounds[upper] + margin)
    beyond = next((i for i in range(upper + 1, last + 1) if bounds[i] > reach), last + 1)
    return range(max(upper - 1, 0), beyond)


def _divergence(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
