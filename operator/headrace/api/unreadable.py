"""A text that cannot be read, and where."""

from __future__ import annotations


class UnreadableText(ValueError):
    """What is wrong with a text, as a sentence.

    Attributes:
        line: Counted from 1; 0 where none can be named.
        column: Counted from 1; 0 where none can be named.
        expected: What would have been right; may be empty.
    """

    def __init__(self, problem: str, line: int = 0, column: int = 0, expected: str = "") -> None:
        self.line, self.column, self.expected = line, column, expected
        super().__init__(problem)
