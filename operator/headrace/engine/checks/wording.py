"""Numbers as people read them: shares, latencies, counts and their intervals."""

from __future__ import annotations

from headrace.api.status import Interval as Estimate


def count(value: float, noun: str = "") -> str:
    """Write a count with its noun in the right number, such as `1,204 requests`."""
    text = f"{value:,.0f}"
    if not noun:
        return text
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def percent(share: float) -> str:
    """Write a share in per cent, such as `0.9 %` or `12.5 %`."""
    return f"{_percent(share)} %"


def percent_with_range(estimate: Estimate) -> str:
    """Write a share with its interval, such as `1.7 %, between 0.9 and 2.9 %`."""
    if estimate.value <= 0:
        return f"at most {percent(estimate.high)}"
    if estimate.value >= 1:
        return f"100 %, at least {percent(estimate.low)}"
    low, high = _percent(estimate.low), percent(estimate.high)
    return f"{percent(estimate.value)}, between {low} and {high}"


def number(value: float) -> str:
    """Write a number whose unit only the user knows, such as `0.112` or `2,140,000,000`."""
    return _significant(value, 4 if abs(value) >= 1000 else 3)


def number_range(estimate: Estimate) -> str:
    """Write a number's interval, such as `between 0.09 and 0.131`."""
    return f"between {number(estimate.low)} and {number(estimate.high)}"


def seconds(value: float) -> str:
    """Write a latency, such as `3.4 ms`, `34 ms` or `1.2 s`."""
    number, unit = _seconds(value)
    return f"{number} {unit}"


def seconds_range(estimate: Estimate) -> str:
    """Write a latency's interval, such as `between 31 and 40 ms`."""
    low, low_unit = _seconds(estimate.low)
    high, unit = _seconds(estimate.high)
    return f"between {low} {'' if low_unit == unit else low_unit + ' '}and {high} {unit}"


def _percent(share: float) -> str:
    value = 100 * share
    return _significant(value, 3 if value >= 9.95 else 2)


def _seconds(value: float) -> tuple[str, str]:
    if value < 0.9995:
        return _significant(value * 1000, 3), "ms"
    return _significant(value, 3), "s"


def _significant(value: float, digits: int) -> str:
    short = f"{value:.{digits}g}"
    if 0.001 <= value < 99:
        return short  # the format leaves no exponent and no idle zeros there
    rounded = float(short)
    text = f"{rounded:,.6f}"
    return text.rstrip("0").rstrip(".")
