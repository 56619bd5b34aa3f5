from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from headrace.training.data.profile import profile_page
from headrace.training.data.table import write_table


def test_columns_and_rows_are_shown_and_escaped(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            'a "name"': np.arange(100),
            "x": [float("inf"), None, *np.linspace(0, 5, 98)],
            "bin": np.arange(100) // 2,
            "n": ["a", "b"] * 50,
            "flag": [True, False] * 50,
            "text": ["<script>alert(1)</script>", *["b"] * 99],
            "when": pd.date_range("2026-01-01", periods=100, tz="UTC"),
            "none": pd.Series([None] * 100, dtype=object),
        }
    )
    table = write_table(tmp_path / "rows", frame)
    page = profile_page(table, "rows=a.csv")
    assert "100 rows, 8 columns, from rows=a.csv." in page
    assert "a &#34;name&#34;" in page
    assert "<script>" not in page
    assert "b 99.0%" in page
    assert page.count('class="bars"') == 3
    assert page == profile_page(table, "rows=a.csv")


def test_a_profile_is_of_its_file_alone(tmp_path: Path) -> None:
    for name in ("a", "*", "year=2024"):
        (tmp_path / name).mkdir()
        table = write_table(tmp_path / name / "rows", pd.DataFrame({"x": [7], "year": [1999]}))
        page = profile_page(table, "")
        assert page.count("<td>7</td><td>1999</td>") == 1
        assert "2024" not in page


def test_one_row_of_one_value_has_a_profile(tmp_path: Path) -> None:
    table = write_table(tmp_path / "rows", pd.DataFrame({"x": [0.0], "y": [np.nan]}))
    assert "1 rows, 2 columns" in profile_page(table, "")
