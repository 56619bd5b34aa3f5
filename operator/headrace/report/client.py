"""From the sender's ledger to what a report says of the users."""

from __future__ import annotations

from collections import Counter

from headrace.load.counts import Ledger
from headrace.report.report import ClientCounts


def client_counts(ledger: Ledger) -> ClientCounts:
    """Sum up what the users saw.

    Args:
        ledger: Of all senders.
    """
    answers: dict[str, Counter[str]] = {}
    causes: Counter[str] = Counter()
    for version, count in ledger.answered.items():
        answers.setdefault(version, Counter())["HTTP 200"] += count
    for key, count in ledger.failed.items():
        version, _, cause = key.partition(": ")
        causes[cause] += count
        answers.setdefault(version, Counter())[cause] += count
    return ClientCounts(
        sent=ledger.sent,
        answered=ledger.answered.total(),
        failed=dict(causes),
        answers={version: dict(counts) for version, counts in answers.items()},
    )
