"""Numbers on the command line."""

from __future__ import annotations

import click
import pytest

from headrace.cli.numbers import Number


@pytest.mark.parametrize("text", ["nan", "-nan", "inf", "1e400", "-1", "two", ""])
def test_what_is_no_finite_number_of_the_range_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        Number(min=0).convert(text, None, None)


def test_a_number_of_the_range_is_taken() -> None:
    assert Number(0, 1).convert("0.5", None, None) == 0.5
