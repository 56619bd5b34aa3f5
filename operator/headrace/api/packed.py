"""JSON that is kept as text, and read when somebody asks for it.

The state of a latency test is a thousand numbers. As Python objects they weigh ten times what they
do as text, and every rollout has them twice: as they are in its resource, and as they are by now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Packed(Mapping[str, Any]):
    """A JSON object that never changes.

    Two are equal if their texts are: the same fields in the same order, with the same numbers.
    """

    __slots__ = ("_text",)

    def __init__(self, value: Mapping[str, Any] | None = None) -> None:
        """Keep an object; None for an empty one.

        Args:
            value: JSON values only, and no number that is infinite or NaN.
        """
        self._text = orjson.dumps(dict(value or {}))

    def opened(self) -> dict[str, Any]:
        """Give the object, every time anew."""
        read: dict[str, Any] = orjson.loads(self._text)
        return read

    def __getitem__(self, name: str) -> Any:
        """Give a field."""
        return self.opened()[name]

    def __iter__(self) -> Iterator[str]:
        """Give the names of the fields."""
        return iter(self.opened())

    def __len__(self) -> int:
        """Give the number of fields."""
        return len(self.opened())

    def __eq__(self, other: object) -> bool:
        """Compare the texts; with another mapping what is in it."""
        if isinstance(other, Packed):
            return self._text == other._text
        return self.opened() == other

    def __hash__(self) -> int:
        """Go by the text."""
        return hash(self._text)

    def __repr__(self) -> str:
        """Show what is in it."""
        return f"Packed({self.opened()!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read any JSON object, and write one."""
        return core_schema.no_info_wrap_validator_function(
            cls._checked,
            handler(dict[str, Any]),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.opened),
        )

    @classmethod
    def _checked(cls, value: object, read: Callable[[object], dict[str, Any]]) -> Packed:
        if isinstance(value, Packed):
            return value
        try:
            return cls(read(value))
        except TypeError as error:
            raise ValueError(f"cannot be written as JSON: {error}") from error
