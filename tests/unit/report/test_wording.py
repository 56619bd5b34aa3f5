from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api.status import Interval
from headrace.report import wording
from headrace.report.report import Counts, ReleaseOutcome


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (0.0123, "1.2 %"),
        (0.05, "5 %"),
        (0.25, "25 %"),
        (0.1234, "12 %"),
        (0.00001234, "0.0012 %"),
        (0.000001, "< 0.001 %"),
        (0.9987, "99.87 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_are_short(value: float, text: str) -> None:
    assert wording.share(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0005, "0.5 ms"),
        (0.0123, "12 ms"),
        (0.25, "250 ms"),
        (1.26, "1.3 s"),
        (31.4, "31 s"),
    ],
)
def test_latencies_have_the_unit_that_fits(seconds: float, text: str) -> None:
    assert wording.latency(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.25, "0.2 s"),
        (59.6, "1 min"),
        (185.0, "3 min 5 s"),
        (3600.0, "1 h"),
        (7_290.0, "2 h 1 min"),
        (183_600.0, "2 d 3 h"),
        (-5.0, "0 s"),
    ],
)
def test_spans_have_two_units(seconds: float, text: str) -> None:
    assert wording.span(seconds) == text


def test_an_estimate_says_its_unit_once_where_both_ends_share_it() -> None:
    same = Interval(value=0.02, low=0.01, high=0.04)
    assert wording.estimate("error-rate", same) == "2 % (1 to 4 %)"
    other = Interval(value=0.9, low=0.5, high=1.5)
    assert wording.estimate("latency", other) == "900 ms (500 ms to 1.5 s)"
    assert wording.estimate("latency", None) == "–"


@pytest.mark.parametrize(
    ("outcome", "requests", "failed", "text"),
    [
        pytest.param("Live", Counts(), Counts(), "nobody was moved: it is the first version"),
        pytest.param("RolledBack", Counts(stable=9), Counts(), "no user: it had no traffic"),
        pytest.param(
            "RolledBack",
            Counts(stable=9, mirrored=1),
            Counts(mirrored=1),
            "no user: it only saw copies of 1 request",
        ),
        pytest.param(
            "RolledBack",
            Counts(stable=950, candidate=50),
            Counts(stable=3, candidate=9),
            "50 of 1,000 requests (5 %); 9 failed",
        ),
        pytest.param("InProgress", Counts(), Counts(), "no user: it had no traffic yet"),
        pytest.param(
            "Promoted",
            Counts(stable=1, candidate=1),
            Counts(),
            "1 of 2 requests (50 %) during the rollout, all users since; none failed",
        ),
    ],
)
def test_who_was_affected_is_said_in_numbers(
    outcome: ReleaseOutcome, requests: Counts, failed: Counts, text: str
) -> None:
    assert wording.who_was_affected(outcome, requests, failed) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\nb\tc", "a b c", id="one line"),
        pytest.param("\x1b[31mred", "\ufffd[31mred", id="no terminal escapes"),
        pytest.param("a\u202eb", "a\ufffdb", id="no reordering"),
        pytest.param("\x9b1m", "\ufffd1m", id="no eight-bit escapes"),
        pytest.param("日本語 ünïcode 🚀", "日本語 ünïcode 🚀", id="any script"),
    ],
)
def test_text_of_others_is_made_safe(text: str, shown: str) -> None:
    assert wording.plain(text) == shown


@given(st.text(), st.integers(2, 60))
def test_a_shortened_text_keeps_to_its_limit(text: str, limit: int) -> None:
    short = wording.shorten(text, limit)
    assert len(short) <= limit
    assert short == text or short.endswith("…")


@pytest.mark.parametrize(("text", "told"), [("it ended", "it ended."), ("why?", "why?"), ("", "")])
def test_a_sentence_has_an_end(text: str, told: str) -> None:
    assert wording.sentence(text) == told
