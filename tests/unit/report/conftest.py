from __future__ import annotations

import pytest

from headrace.report.build import build_report
from headrace.report.report import Report
from tests.unit.report.journals import CLIENT, EVENTS, Journal, three_releases


@pytest.fixture(scope="session")
def journal() -> Journal:
    return three_releases()


@pytest.fixture(scope="session")
def report(journal: Journal) -> Report:
    return build_report(
        journal.rollout(),
        journal.records,
        EVENTS,
        CLIENT,
        title="Flight delays: three releases",
        created=journal.now,
    )
