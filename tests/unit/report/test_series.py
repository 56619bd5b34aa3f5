from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import Traffic
from headrace.report.report import Report
from headrace.report.series import check_series, combined_harm, spans, thin, traffic_steps
from tests.unit.report.journals import Arm, Journal


@given(st.integers(0, 5000), st.lists(st.integers(0, 4999), max_size=2000), st.integers(2, 300))
def test_thinning_keeps_the_ends_the_order_and_a_bound(
    length: int, important: list[int], points: int
) -> None:
    important = [i for i in important if i < length]
    kept = thin(length, important, points)
    assert kept == sorted(set(kept))
    assert len(kept) <= 2 * points
    if length:
        assert (kept[0], kept[-1]) == (0, length - 1)
    if len(set(important)) <= points:
        assert set(important) <= set(kept)


def test_the_traffic_is_what_was_seen_not_what_was_asked(report: Report) -> None:
    release = report.releases[2]
    seconds, traffic = traffic_steps(release.ticks, release.started)
    assert [t.candidate for t in traffic] == [0, 0, 5, 25, 0, 0]
    assert [t.mirror for t in traffic] == [0, 100, 0, 0, 0, 0]
    assert list(seconds) == sorted(seconds)


def test_a_moment_at_which_the_router_could_not_be_read_changes_nothing() -> None:
    journal = Journal()
    for seen in (None, Traffic(stable=95, candidate=5), None, Traffic(stable=95, candidate=5)):
        journal.tick("Hold", "Any", "any", version="2", seen=seen)
    seconds, traffic = traffic_steps(journal.records, journal.records[0].time)
    assert list(seconds) == [1.0, 3.0]
    assert [t.candidate for t in traffic] == [5, 5]


def test_no_sight_of_the_router_at_all_gives_no_steps() -> None:
    journal = Journal()
    journal.tick("Hold", "Any", "any", version="2", seen=None)
    seconds, traffic = traffic_steps(journal.records, 0.0)
    assert (len(seconds), traffic) == (0, [])


def test_missing_figures_are_gaps() -> None:
    journal = Journal()
    journal.first("1")
    journal.release("2", Arm(0.004, 0.018))
    start = journal.history[-1].started
    figures = check_series(journal.records, start, "agreement")
    assert figures.stable.is_empty
    assert not figures.candidate.is_empty
    assert np.isnan(figures.candidate.value[-1])
    assert check_series(journal.records, start, "no such check").candidate.is_empty


def test_a_controller_that_was_away_leaves_a_gap_and_no_line(journal: Journal) -> None:
    ticks = [record for record in journal.records if record.version == "2" and record.checks]
    away = [*ticks[:20], *ticks[50:]]
    figures = check_series(away, ticks[0].time, "errors")
    assert np.isnan(figures.candidate.value).sum() == 1
    assert (np.diff(figures.seconds) > 0).all()
    whole = check_series(ticks, ticks[0].time, "errors")
    assert not np.isnan(whole.candidate.value).any()


def test_spans_cover_the_time_without_overlap(report: Report) -> None:
    release = report.releases[1]
    found = spans(release.ticks, release.started, lambda tick: tick.phase.value)
    assert [span.what for span in found] == ["Progressing", "Promoting", "Healthy"]
    assert [span.end for span in found[:2]] == [span.start for span in found[1:]]


def test_harm_is_combined_as_the_engine_does_it(journal: Journal) -> None:
    tick = next(record for record in journal.records if record.checks)
    shares = {"errors": 1.0, "latency": 0.5, "slo": 1.0, "agreement": 0.5}
    _, harm = combined_harm([tick], tick.time, shares)
    expected = sum(shares[c.name] * math.exp(c.harm) for c in tick.checks) / sum(shares.values())
    assert harm[0] == pytest.approx(math.log(expected))


def test_evidence_beyond_any_number_is_still_finite(journal: Journal) -> None:
    tick = next(record for record in journal.records if record.checks)
    checks = [check.model_copy(update={"harm": 5000.0}) for check in tick.checks]
    _, harm = combined_harm([tick.model_copy(update={"checks": checks})], tick.time, {})
    assert harm[0] == pytest.approx(5000.0)
