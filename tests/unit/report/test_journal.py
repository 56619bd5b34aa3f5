from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import TickRecord
from headrace.errors import InvalidInput, TemporaryError
from headrace.report.journal import append_record, read_journal
from tests.unit.report.journals import Journal


@pytest.fixture
def file(tmp_path: Path, journal: Journal) -> Path:
    path = tmp_path / "of" / "journal.jsonl"
    for record in journal.records[30:33]:
        append_record(path, record)
    return path


def test_what_was_appended_is_read_back_in_order(file: Path, journal: Journal) -> None:
    assert read_journal(file) == journal.records[30:33]


def test_a_rollout_that_has_not_ticked_has_an_empty_journal(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("lost", [1, 2, 40, 200])
def test_a_torn_last_line_costs_that_tick_at_most(file: Path, journal: Journal, lost: int) -> None:
    file.write_bytes(file.read_bytes()[:-lost])
    # without its line end alone the last line is still whole
    assert read_journal(file) == journal.records[30 : 33 if lost == 1 else 32]


@pytest.mark.parametrize("lost", [1, 2, 40, 200])
def test_the_next_tick_mends_a_torn_line(file: Path, journal: Journal, lost: int) -> None:
    file.write_bytes(file.read_bytes()[:-lost])
    append_record(file, journal.records[33])
    assert read_journal(file)[-1] == journal.records[33]
    assert len(read_journal(file)) == (4 if lost == 1 else 3)


def test_a_line_cut_within_a_character_is_torn_and_nothing_else(
    file: Path, journal: Journal
) -> None:
    record = journal.records[33].model_copy(update={"message": "é" * 100})
    append_record(file, record)
    text = file.read_bytes()
    file.write_bytes(text[: text.rindex("é".encode()) + 1])
    assert read_journal(file) == journal.records[30:33]


def test_mending_a_file_that_is_one_long_torn_line_empties_it(
    tmp_path: Path, journal: Journal
) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"\0" * 200_000)
    append_record(path, journal.records[0])
    assert read_journal(path) == journal.records[:1]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(b"garbage\n", "Invalid JSON", id="no JSON"),
        pytest.param(b"\xff\xfe\n", "Invalid JSON", id="no UTF-8"),
        pytest.param(b"{}\n", "Field required", id="a field is missing"),
        pytest.param(b"[]\n", "object", id="no object"),
    ],
)
def test_a_damaged_line_in_the_middle_is_named(file: Path, damage: bytes, problem: str) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + damage + lines[2])
    with pytest.raises(InvalidInput, match=rf"Line 2 of the journal .*{problem}"):
        read_journal(file)


def test_empty_lines_hold_nothing_and_harm_nothing(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"\n", b"\n\n"))
    assert len(read_journal(file)) == 3


def test_a_journal_that_cannot_be_written_is_a_temporary_error(
    tmp_path: Path, journal: Journal
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TemporaryError, match="could not be written: "):
        append_record(tmp_path / "file" / "journal.jsonl", journal.records[0])


def test_a_folder_in_place_of_the_journal_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_journal(tmp_path)


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_message_survives_on_one_line(message: str) -> None:
    template = Journal()
    template.tick("Hold", "Any", message, version="1")
    line = template.records[0].model_dump_json()
    assert "\n" not in line
    assert TickRecord.model_validate_json(line).message == message
