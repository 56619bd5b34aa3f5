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
    """A JSON object that never changes, and equals whatever mapping has the same in it.

    The order of its fields is that of their names, as an API server gives them back.
    """

    __slots__ = ("_text",)

    def __init__(self, value: Mapping[str, Any] | None = None) -> None:
        """Keep an object; None for an empty one.

        Args:
            value: JSON values only, and no number that is infinite or NaN.
        """
        self._text = orjson.dumps(dict(value or {}), option=orjson.OPT_SORT_KEYS)

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
        """Compare what is in it: 1 and 1.0 are two texts and one number."""
        if not isinstance(other, Packed):
            return self.opened() == other
        return self._text == other._text or self.opened() == other.opened()

    def __hash__(self) -> int:
        """Go by the names of the fields."""
        return hash(tuple(self.opened()))

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
