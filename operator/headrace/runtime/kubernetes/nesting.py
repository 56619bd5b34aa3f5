"""Objects that are nested deeper than anybody needs, as whoever may write one can make them.

The API server keeps ten thousand levels. What reads and writes JSON here ends at some hundreds, and
one such object would hide all others of its kind. So what lies too deep is cut off, and a
ModelRollout that had it is refused.
"""

from __future__ import annotations

import re
from typing import Any

MOST_LEVELS = 100
"""A ModelRollout has at most 50, and the lists that it comes in some more."""

CUT = "(nested too deeply)"
"""Stands where something was."""

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def shallow_text(text: bytes) -> bytes:
    """Cut JSON off where it is nested too deeply."""
    kept: list[bytes] = []
    depth = done = begun = 0
    for token in _TOKEN.finditer(text):
        if token[0] in (b"{", b"["):
            depth += 1
            if depth == MOST_LEVELS + 1:
                begun = token.start()
        elif token[0] in (b"}", b"]"):
            depth -= 1
            if depth == MOST_LEVELS:
                kept += (text[done:begun], f'"{CUT}"'.encode())
                done = token.end()
    return b"".join((*kept, text[done:]))


def shallow(value: Any, levels: int = MOST_LEVELS) -> Any:
    """Cut a value off where it is nested too deeply."""
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return CUT
    if isinstance(value, list):
        return [shallow(each, levels - 1) for each in value]
    return {name: shallow(each, levels - 1) for name, each in value.items()}
