from __future__ import annotations

import os
import signal

import pytest

from headrace.runtime.local.guard import groups_left, read_lines, signal_group


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        pytest.param([], set(), id="nothing was started"),
        pytest.param([b"+10", b"+11"], {10, 11}, id="two run"),
        pytest.param([b"+10", b"+11", b"-10"], {11}, id="one ended"),
        pytest.param([b"+10", b"+10", b"-10"], set(), id="one was told twice"),
        pytest.param([b"-10", b"+10"], {10}, id="one came back"),
        pytest.param([b"+0", b"+1", b"+-5", b"+", b"", b"+x", b"10"], set(), id="nonsense"),
    ],
)
def test_the_groups_that_are_left_are_those_that_were_not_taken_back(
    lines: list[bytes], left: set[int]
) -> None:
    assert groups_left(lines) == left


def test_lines_are_whole_however_they_arrive() -> None:
    reader, writer = os.pipe()
    for piece in (b"+1", b"23\n-4", b"5\n+6"):
        os.write(writer, piece)
    os.close(writer)
    assert list(read_lines(reader)) == [b"+123", b"-45"]
    os.close(reader)


def test_a_signal_to_a_group_that_is_gone_is_no_error() -> None:
    assert not signal_group(2**22 + 1, signal.SIGTERM)
