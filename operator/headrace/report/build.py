"""From the resource and its journal to a report. Pure: no clock beyond the journal, no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from headrace.api import (
    CheckStatus,
    HistoryEntry,
    ModelRollout,
    Requests,
    Rewards,
    TickRecord,
)
from headrace.report.arms import candidates_in, requests_of, views_of
from headrace.report.report import (
    AskedWeights,
    CandidateEntry,
    CheckEntry,
    ClientCounts,
    Counts,
    DecisionEntry,
    Event,
    Release,
    ReleaseOutcome,
    Report,
)
from headrace.report.wording import summarise, who_was_affected


def build_report(
    rollout: ModelRollout,
    journal: Iterable[TickRecord],
    events: Iterable[Event] = (),
    client: ClientCounts | None = None,
    *,
    title: str = "",
    created: float | None = None,
    made_of: Mapping[str, Mapping[str, str]] | None = None,
) -> Report:
    """Tell what happened to every release that the resource remembers.

    Args:
        rollout: With its status; the history says what the releases were and how they ended.
        journal: One record per tick. Records that lie in no release are of no use here; a
            release without records is told without charts and decisions.
        events: What happened beside the decisions, in any order.
        client: What the load itself counted.
        title: By default the name of the rollout.
        created: When the report is made, Unix seconds; by default when the last thing that it
            tells happened.
        made_of: By version, what it was made of; see `made_of` in `report.lineage`.
    """
    ticks = sorted(journal, key=lambda record: record.time)
    told_events = tuple(sorted(events, key=lambda event: event.time))
    status = rollout.status
    latest = max(
        [r.time for r in ticks[-1:]]
        + [entry.ended for entry in status.history]
        + ([status.decision.time] if status.decision else []),
        default=0.0,
    )
    created = latest if created is None else created
    metrics: dict[str, str] = {c.name: c.subject for c in rollout.spec.analysis.checks}
    releases = []
    for index, entry in enumerate(status.history):
        during = _between(ticks, entry.started, entry.ended)
        is_last = index == len(status.history) - 1 and status.candidate is None
        said = _last_checks(during) or (status.checks if is_last else [])
        releases.append(_ended(entry, during, said, metrics))
    if status.candidate is not None:
        releases.append(_in_progress(rollout, ticks, max(created, latest), metrics))
    if made_of:
        releases = [
            release.model_copy(update={"made_of": dict(made_of.get(release.version, {}))})
            for release in releases
        ]
    name = rollout.metadata.name
    return Report(
        title=title or name,
        rollout=rollout.key,
        summary=summarise(name, releases, status.stable.version if status.stable else ""),
        created=created,
        releases=tuple(releases),
        events=told_events,
        client=client,
        analysis=rollout.spec.analysis,
    )


def _between(ticks: Sequence[TickRecord], start: float, end: float) -> tuple[TickRecord, ...]:
    # By time and not by version: the tick that ends a rollback already names the stable version.
    return tuple(tick for tick in ticks if start <= tick.time <= end)


def _ended(
    entry: HistoryEntry,
    ticks: tuple[TickRecord, ...],
    said: Sequence[CheckStatus],
    metrics: dict[str, str],
) -> Release:
    requests, failed = _counts(entry.requests, entry.version, ticks)
    return Release(
        version=entry.version,
        previous=entry.previous,
        outcome=entry.outcome,
        reason=entry.reason,
        message=entry.message,
        by=entry.by,
        decisions=_decisions(ticks),
        requests=requests,
        failed_requests=failed.stable + failed.candidate,
        failed=failed,
        started=entry.started,
        ended=entry.ended,
        duration_seconds=round(max(0.0, entry.ended - entry.started), 3),
        affected=who_was_affected(entry.outcome, requests, failed),
        checks=_check_entries(said, metrics),
        candidates=_candidates(ticks, metrics),
        segments=next((tick.segments for tick in reversed(ticks) if tick.segments), ""),
        ticks=ticks,
    )


def _in_progress(
    rollout: ModelRollout, journal: Sequence[TickRecord], now: float, metrics: dict[str, str]
) -> Release:
    status = rollout.status
    assert status.candidate is not None
    started = status.started if status.started is not None else now
    ticks = _between(journal, round(started, 3), float("inf"))
    requests, failed = _counts(status.requests, status.candidate.version, ticks)
    outcome: ReleaseOutcome = "InProgress"
    return Release(
        version=status.candidate.version,
        previous=status.stable.version if status.stable else "",
        outcome=outcome,
        reason=status.decision.reason if status.decision else "",
        message=status.decision.message if status.decision else "",
        by="",
        decisions=_decisions(ticks),
        requests=requests,
        failed_requests=failed.stable + failed.candidate,
        failed=failed,
        started=started,
        ended=None,
        duration_seconds=round(max(0.0, now - started), 3),
        affected=who_was_affected(outcome, requests, failed),
        checks=_check_entries(_last_checks(ticks) or status.checks, metrics),
        candidates=_candidates(ticks, metrics),
        segments=next((tick.segments for tick in reversed(ticks) if tick.segments), ""),
        ticks=ticks,
    )


def _counts(requests: Requests, version: str, ticks: Sequence[TickRecord]) -> tuple[Counts, Counts]:
    """Give all requests and those that failed; those of all candidates together.

    Args:
        requests: Of stable and of the candidate that was chosen, or is the first.
        version: Which that is.
        ticks: Of the release; they know the others.
    """
    others = [requests_of(ticks, other) for other in candidates_in(ticks) if other != version]
    all_of_them = Counts(
        stable=requests.stable,
        candidate=requests.candidate + sum(other.candidate for other in others),
        mirrored=requests.mirrored,
    )
    failed = Counts(
        stable=requests.failed_stable,
        candidate=requests.failed_candidate + sum(other.failed_candidate for other in others),
        mirrored=requests.failed_mirrored,
    )
    return all_of_them, failed


def _decisions(ticks: Sequence[TickRecord]) -> tuple[DecisionEntry, ...]:
    entries = []
    for _, group in groupby(ticks, key=lambda tick: (tick.action, tick.reason)):
        same = list(group)
        first = same[0]
        asked = first.asked
        entries.append(
            DecisionEntry(
                time=first.time,
                until=same[-1].time,
                action=first.action,
                reason=first.reason,
                message=first.message,
                weights=AskedWeights(
                    stable=asked.stable,
                    candidate=asked.candidate,
                    mirror=asked.mirror,
                    challengers=asked.challengers,
                ),
            )
        )
    return tuple(entries)


def _last_checks(ticks: Sequence[TickRecord]) -> list[CheckStatus]:
    """Give what the checks said last; ticks that move traffic at the end ask them nothing."""
    return next((tick.checks for tick in reversed(ticks) if tick.checks), [])


def _candidates(ticks: Sequence[TickRecord], metrics: dict[str, str]) -> tuple[CandidateEntry, ...]:
    """Give every candidate of a release that had several."""
    earned = {arm.version: arm for tick in ticks for arm in tick.rewards}
    entries = []
    for version in candidates_in(ticks):
        answered = requests_of(ticks, version)
        arm = earned.get(version, Rewards(version=version))
        entries.append(
            CandidateEntry(
                version=version,
                requests=answered.candidate,
                failed=answered.failed_candidate,
                earned=arm.interval,
                rewards=arm.count,
                checks=_check_entries(_last_checks(views_of(ticks, version)), metrics),
            )
        )
    return tuple(entries)


def _check_entries(said: Iterable[CheckStatus], metrics: dict[str, str]) -> tuple[CheckEntry, ...]:
    return tuple(
        CheckEntry(
            name=check.name,
            metric=metrics.get(check.name, ""),
            outcome=check.outcome,
            reason=check.reason,
            message=check.message,
            stable=check.stable,
            candidate=check.candidate,
            stable_samples=check.stable_samples,
            candidate_samples=check.candidate_samples,
        )
        for check in said
    )
