from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.errors import TemporaryError
from headrace.report.build import build_report
from headrace.report.report import Report
from headrace.report.write import write_picture, write_report
from tests.unit.report.journals import Journal


@pytest.fixture(scope="module")
def report(journal: Journal) -> Report:
    """Without ticks: writing is what matters here, and drawing takes its time."""
    return build_report(journal.rollout(), [])


def test_the_page_and_the_data_are_written_and_nothing_else(tmp_path: Path, report: Report) -> None:
    page, data = write_report(tmp_path / "a" / "b", report)
    assert page.name == "report.html"
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    written = json.loads(data.read_text("utf-8"))
    assert [r["outcome"] for r in written["releases"]] == ["Live", "Promoted", "RolledBack"]
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.json"]


def test_writing_again_replaces_both(tmp_path: Path, report: Report) -> None:
    page, _ = write_report(tmp_path, report)
    write_report(tmp_path, report.model_copy(update={"title": "Another"}))
    assert "<h1>Another</h1>" in page.read_text("utf-8")


def test_the_picture_is_a_png(tmp_path: Path, report: Report) -> None:
    path = write_picture(tmp_path / "overview.png", report)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_made_is_a_temporary_error(tmp_path: Path, report: Report) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TemporaryError, match=r"report\.json could not be written"):
        write_report(tmp_path / "file", report)


def test_what_was_there_stays_when_a_write_fails(tmp_path: Path, report: Report) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(TemporaryError, match=r"report\.html could not be written"):
        write_report(tmp_path, report)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
