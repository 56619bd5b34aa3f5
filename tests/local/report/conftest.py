"""The report of the unit tests; drawing it takes seconds, so that its pictures are tested here."""

from tests.unit.report.conftest import journal, report

__all__ = ["journal", "report"]
