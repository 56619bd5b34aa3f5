"""What an earlier data set is read from, and what is said where it cannot be."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from headrace.errors import InvalidInput, NotFound, PlatformUnavailable
from headrace.training.data.earlier import earlier_reference
from tests.local.training.data.test_validate import SCHEMA


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("nowhere://bucket/report.json", InvalidInput),
        ("absent.json", NotFound),
        ("http://127.0.0.1:1/report.json", PlatformUnavailable),
        ("report.json", InvalidInput),
    ],
    ids=["nothing opens it", "nothing is there", "nobody answers", "it is no report"],
)
def test_a_retry_is_only_worth_it_where_nobody_answers(
    uri: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.json").write_text("[" * 100_000)
    # What the HTTP client leaves behind cannot be finalized at the bottom of that.
    gc.collect()
    with pytest.raises(error, match=uri.partition("/")[0]):
        earlier_reference(uri, SCHEMA)
