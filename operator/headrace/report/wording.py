"""Numbers and sentences as reports say them, the same on the page and in the terminal."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from headrace.api.status import Interval
from headrace.report.report import Counts, Release, ReleaseOutcome

OUTCOME_WORDS: dict[ReleaseOutcome, str] = {
    "Live": "live",
    "Promoted": "promoted",
    "RolledBack": "rolled back",
    "Superseded": "superseded",
    "Discarded": "tried and taken away",
    "InProgress": "in progress",
}

_NUMBERS = frozenset(("reward", "Mean", "Histogram", "Value", "prediction-drift", "feature-drift"))
"""Checks whose figure has a unit that only the user knows, or none."""

_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that change the order in which a reader sees text: a message could seem to say
something else."""


def plain(text: str) -> str:
    """Make text safe to show: no control or escape characters, no reordering, one line."""
    words = " ".join(text.split())
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") or c in _BIDI else c
        for c in words
    )


def shorten(text: str, limit: int) -> str:
    """Cut a long text at a word, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:") + "…"


def sentence(text: str) -> str:
    """Give a message a full stop where it has no end mark."""
    text = plain(text)
    return text if not text or text[-1] in ".!?…" else text + "."


def count(number: int) -> str:
    """Write a whole number with thousands separated."""
    return f"{number:,}"


def share(value: float) -> str:
    """Write a share as per cent with two significant figures: `0.0123` as `1.2 %`."""
    percent = 100 * value
    if percent == 0:
        return "0 %"
    if abs(percent) >= 99.5 or abs(percent - round(percent)) < 1e-9:
        return f"{percent:.4g} %"
    if abs(percent) < 0.001:
        return "< 0.001 %"
    return f"{percent:.2g} %"


def latency(seconds: float) -> str:
    """Write a short time with its unit: `0.0123` as `12 ms`."""
    if seconds >= 10:
        return f"{seconds:.0f} s"
    if seconds >= 1:
        return f"{seconds:.2g} s"
    milliseconds = 1000 * seconds
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"


def span(seconds: float) -> str:
    """Write how long something took, in its two largest units: `3 min 5 s`."""
    whole = max(0, round(seconds))
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    for index, (unit, size) in enumerate(units):
        if whole >= size:
            first, rest = divmod(whole, size)
            text = f"{first} {unit}"
            if index + 1 < len(units):
                smaller, smaller_size = units[index + 1]
                second = rest // smaller_size
                text += f" {second} {smaller}" if second else ""
            return text
    return f"{seconds:.1f} s" if seconds > 0 else "0 s"


def clock(instant: float, *, with_date: bool = False) -> str:
    """Write an instant as a time of day in UTC."""
    moment = datetime.fromtimestamp(instant, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC" if with_date else "%H:%M:%S")


def figure(metric: str, value: float) -> str:
    """Write a check's figure in the unit of its metric."""
    if metric == "latency":
        return latency(value)
    return f"{value:,.4g}" if metric in _NUMBERS else share(value)


def estimate(metric: str, interval: Interval | None) -> str:
    """Write a figure with its confidence interval; a dash where there was no data."""
    if interval is None:
        return "–"
    low, high = figure(metric, interval.low), figure(metric, interval.high)
    for unit in (" %", " ms", " s"):
        if low.endswith(unit) and high.endswith(unit):
            low = low.removesuffix(unit)
            break
    return f"{figure(metric, interval.value)} ({low} to {high})"


def who_was_affected(outcome: ReleaseOutcome, requests: Counts, failed: Counts) -> str:
    """Say in a sentence whose requests the version answered, and how many of them failed."""
    if outcome == "Live":
        return "nobody was moved: it is the first version"
    if requests.candidate == 0:
        if requests.mirrored:
            copies = (
                "1 request" if requests.mirrored == 1 else f"{count(requests.mirrored)} requests"
            )
            return f"no user: it only saw copies of {copies}"
        return "no user: it had no traffic" + (" yet" if outcome == "InProgress" else "")
    live = requests.stable + requests.candidate
    served = f"{count(requests.candidate)} of {count(live)} requests"
    served += f" ({share(requests.candidate / live)})"
    failures = f"{count(failed.candidate)} failed" if failed.candidate else "none failed"
    if outcome == "InProgress":
        return f"so far {served}; {failures}"
    if outcome == "Promoted":
        return f"{served} during the rollout, all users since; {failures}"
    return f"{served}; {failures}"


def summarise(name: str, releases: Sequence[Release], stable: str) -> str:
    """Say in one or two sentences what the report shows."""
    if not releases:
        return f"{name} has had no release yet."
    outcomes = Counter(release.outcome for release in releases)
    parts: dict[ReleaseOutcome, str] = {
        "Live": "{} live as the first version",
        "Promoted": "{} promoted",
        "RolledBack": "{} rolled back",
        "Superseded": "{} superseded",
        "Discarded": "{} tried and taken away",
        "InProgress": "{} in progress",
    }
    told = [text.format(count(outcomes[key])) for key, text in parts.items() if outcomes[key]]
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    noun = "1 release" if len(releases) == 1 else f"{count(len(releases))} releases"
    live = sum(r.requests.stable + r.requests.candidate for r in releases)
    failed = sum(r.failed_requests for r in releases)
    text = f"{noun}: {listed}."
    if stable:
        text += f" Version {stable} has the users now."
    if live:
        failures = f"{count(failed)} failed ({share(failed / live)})" if failed else "none failed"
        text += f" Of {count(live)} live requests during the rollouts {failures}."
    return text
