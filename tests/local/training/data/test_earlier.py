"""What an earlier data set is read from, and what is said where it cannot be."""

from __future__ import annotations

import gc
from pathlib import Path

import pandas as pd
import pytest

from headrace.errors import InvalidData, InvalidInput, NotFound, PlatformUnavailable
from headrace.training.data.earlier import earlier_reference
from headrace.training.data.table import write_table
from tests.local.training.data.test_validate import SCHEMA


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("nowhere://bucket/report.json", InvalidInput),
        ("absent.json", NotFound),
        ("http://127.0.0.1:1/report.json", PlatformUnavailable),
        ("report.json", InvalidInput),
        ("folder", InvalidInput),
    ],
    ids=["nothing opens it", "nothing is there", "nobody answers", "it is no report", "a folder"],
)
def test_a_retry_is_only_worth_it_where_nobody_answers(
    uri: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("report.json").write_text("[" * 100_000)
    # What the HTTP client leaves behind cannot be finalized at the bottom of that.
    gc.collect()
    with pytest.raises(error, match=uri.partition("/")[0]):
        earlier_reference(uri, SCHEMA)


def test_an_earlier_data_set_of_other_types_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "rows", pd.DataFrame({"temp": ["warm", "cold"], "late": [0, 1]}))
    with pytest.raises(InvalidData, match="temp holds something that is no number"):
        earlier_reference(str(tmp_path / "rows"), SCHEMA)
