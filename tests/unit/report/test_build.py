from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import TickRecord
from headrace.report.build import build_report
from headrace.report.report import Report
from tests.unit.report.journals import EVENTS, Arm, Journal, a_rollout

MIRROR_ONLY = ((Journal.mirror(), 8),)


def test_every_release_of_the_history_is_told_in_order(report: Report) -> None:
    assert [(r.version, r.outcome) for r in report.releases] == [
        ("1", "Live"),
        ("2", "Promoted"),
        ("3", "RolledBack"),
    ]


def test_the_json_has_the_names_that_are_promised(report: Report) -> None:
    data = json.loads(report.model_dump_json())
    release = data["releases"][2]
    assert {"title", "created", "releases", "events", "client"} <= data.keys()
    assert {
        "version",
        "outcome",
        "reason",
        "message",
        "decisions",
        "requests",
        "failed_requests",
        "failed",
        "started",
        "ended",
        "duration_seconds",
        "affected",
    } <= release.keys()
    assert release["requests"].keys() == {"stable", "candidate", "mirrored"}
    assert release["failed"].keys() == {"stable", "candidate", "mirrored"}
    assert {"time", "action", "reason", "message", "weights"} <= release["decisions"][0].keys()
    assert not {"ticks", "analysis"} & (release.keys() | data.keys())


def test_failed_requests_are_live_ones_of_both_arms(report: Report) -> None:
    for release in report.releases:
        assert release.failed_requests == release.failed.stable + release.failed.candidate
    assert report.releases[1].failed.mirrored > 0


def test_the_tick_that_ends_a_rollback_belongs_to_it_though_it_names_stable(
    report: Report,
) -> None:
    release = report.releases[2]
    assert release.ticks[-1].version == "2"
    assert release.decisions[-1].action == "RollBack"


def test_equal_decisions_are_told_once_with_their_time(report: Report) -> None:
    decisions = report.releases[1].decisions
    assert [d.reason for d in decisions] == [
        "RolloutStarts",
        "CandidateNotReady",
        "StepHolds",
        "StepHeld",
        "StepHolds",
        "StepHeld",
        "StepHolds",
        "PrometheusUnavailable",
        "StepHolds",
        "StepHeld",
        "StepHolds",
        "ProvedSafe",
    ]
    outage = decisions[7]
    assert outage.until - outage.time == 8.0
    assert [d.weights.candidate for d in decisions if d.action != "Hold"] == [0, 5, 25, 50, 100]


def test_what_the_checks_said_last_comes_from_the_last_tick_that_asked_them(
    report: Report,
) -> None:
    checks = {check.name: check for check in report.releases[2].checks}
    assert checks["errors"].metric == "error-rate"
    assert checks["errors"].outcome == "Fail"
    assert report.releases[0].checks == ()


def test_events_are_told_in_order_of_time(report: Report) -> None:
    assert list(report.events) == sorted(EVENTS, key=lambda event: event.time)


def test_without_a_journal_the_history_is_still_told(journal: Journal, report: Report) -> None:
    bare = build_report(journal.rollout(), [])
    assert [r.outcome for r in bare.releases] == [r.outcome for r in report.releases]
    assert [r.requests for r in bare.releases] == [r.requests for r in report.releases]
    assert all(not release.decisions for release in bare.releases)
    # the checks of the last release are still in .status
    assert [bool(release.checks) for release in bare.releases] == [False, False, True]
    assert bare.title == "flight-delay"
    assert bare.created == journal.records[-1].time


def test_a_rollout_that_never_ran_has_no_releases() -> None:
    report = build_report(a_rollout(), [])
    assert report.releases == ()
    assert report.summary == "flight-delay has had no release yet."


def test_a_rollout_under_way_is_told_as_such() -> None:
    journal = Journal()
    journal.first("1")
    journal.release("2", Arm(0.004, 0.018), end=False)
    report = build_report(journal.rollout("2"), journal.records, created=journal.now)
    last = report.releases[-1]
    assert (last.version, last.outcome, last.ended, last.by) == ("2", "InProgress", None, "")
    assert last.previous == "1"
    assert last.duration_seconds == journal.now - last.started
    assert last.affected.startswith("so far 1,")
    assert "1 in progress" in report.summary


@pytest.mark.parametrize(
    ("candidate", "steps", "sentence"),
    [
        pytest.param(
            Arm(0.2, 0.02), (), "90 of 3,120 requests (2.9 %); 23 failed", id="users were hit"
        ),
        pytest.param(
            Arm(0.2, 0.02, shadow_error_share=0.2),
            MIRROR_ONLY,
            "no user: it only saw copies of ",
            id="found out by copies",
        ),
    ],
)
def test_a_rolled_back_release_says_who_was_affected(
    candidate: Arm, steps: tuple[tuple[object, int], ...], sentence: str
) -> None:
    journal = Journal()
    journal.first("1")
    journal.release("2", candidate, **({"steps": steps} if steps else {}))  # type: ignore[arg-type]
    release = build_report(journal.rollout(), journal.records).releases[-1]
    assert release.outcome == "RolledBack"
    assert release.affected.startswith(sentence)


def test_the_same_version_tried_twice_is_two_releases() -> None:
    journal = Journal()
    journal.first("1")
    for _ in range(2):
        journal.release("2", Arm(0.3, 0.02))
    first, second = build_report(journal.rollout(), journal.records).releases[1:]
    assert first.outcome == second.outcome == "RolledBack"
    assert first.ended is not None
    assert first.ended < second.started
    assert first.ticks[-1].time < second.ticks[0].time


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_journal_does_not_matter(random: object) -> None:
    journal = Journal()
    journal.first("1")
    journal.release("2", Arm(0.004, 0.018), steps=MIRROR_ONLY)
    shuffled: list[TickRecord] = list(journal.records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert build_report(journal.rollout(), shuffled) == build_report(
        journal.rollout(), journal.records
    )
