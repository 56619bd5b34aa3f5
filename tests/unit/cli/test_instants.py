"""Instants and durations on the command line."""

from __future__ import annotations

import click
import pytest

from headrace.cli.instants import DURATION, INSTANT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1795264330", 1_795_264_330.0), ("2026-11-21T12:32:10Z", 1_795_264_330.0), ("0", 0.0)],
)
def test_an_instant_is_unix_seconds(text: str, seconds: float) -> None:
    assert INSTANT.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e999", "yesterday", ""])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="is no time"):
        INSTANT.convert(text, None, None)


@pytest.mark.parametrize("text", ["inf", "nan", "-1s", "5", "soon"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        DURATION.convert(text, None, None)
