"""From the bytes of a prediction request to checked columns.

Everything that a client may get wrong is found here and named, so that what comes after can trust
its input. This module knows nothing of HTTP and of models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from headrace.errors import Fault, InvalidInput
from headrace.serving.signature import Column, shown

MOST_ROWS = 1000
LARGEST_NUMBER = 3.4028234663852886e38
"""The largest float32, the type of an ONNX model's numbers."""

_MOST_FAULTS = 10

Cell: TypeAlias = float | str | None
Columns: TypeAlias = dict[str, list[Cell]]
"""The values of each column, one for every row."""


class RequestReader:
    """Reads requests that must have certain columns.

    Args:
        columns: What a request must have, in any order.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._names = [column.name for column in columns]
        self._known = frozenset(self._names)

    def read(self, body: bytes) -> Columns:
        """Read `{"data": {"names": [...], "ndarray": [[...], ...]}}`.

        Args:
            body: JSON, as it came.

        Returns:
            The columns in the order given to the constructor; 1 to `MOST_ROWS` values in each.
            Numbers are finite and fit into a float32; None stands where a column allows null.

        Raises:
            InvalidInput: The text is one sentence that names the columns that are wrong.
        """
        names, rows = self._data(parsed(body))
        order = self._order(names)
        faults: list[Fault] = []
        for number, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != len(order):
                expected = f"a list of {len(order)} values, one for each name"
                faults.append(Fault(f"data.ndarray[{number}]", f"is {shown(row)}", expected))
        if faults:
            raise _refusal(faults)
        table = list(zip(*rows, strict=True))
        columns = {
            column.name: list(table[place])
            for column, place in zip(self._columns, order, strict=True)
        }
        for column in self._columns:
            _check(column, columns[column.name], faults)
        if faults:
            raise _refusal(faults)
        return columns

    def _data(self, document: object) -> tuple[list[object], list[list[object]]]:
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(data, dict):
            expected = 'an object: {"data": {"names": [...], "ndarray": [[...], ...]}}'
            raise _refusal([Fault("data", f"is {_found(data)}", expected)])
        names, rows = data.get("names"), data.get("ndarray")
        faults = []
        if not isinstance(names, list):
            expected = "the list of columns " + ", ".join(self._names)
            faults.append(Fault("data.names", f"is {_found(names)}", expected))
        if not isinstance(rows, list):
            expected = "a list of rows"
            faults.append(Fault("data.ndarray", f"is {_found(rows)}", expected))
        elif not 1 <= len(rows) <= MOST_ROWS:
            problem = f"has {len(rows)} rows"
            faults.append(Fault("data.ndarray", problem, f"1 to {MOST_ROWS}"))
        if faults or not isinstance(names, list) or not isinstance(rows, list):
            raise _refusal(faults)
        return names, rows

    def _order(self, names: list[object]) -> Sequence[int]:
        """Give the place of each of our columns within the request's rows."""
        if names == self._names:
            return range(len(names))
        faults: list[Fault] = []
        places: dict[str, int] = {}
        for place, name in enumerate(names):
            if len(faults) > _MOST_FAULTS:
                break
            if not isinstance(name, str):
                faults.append(Fault(f"data.names[{place}]", f"is {shown(name)}", "a text"))
            elif name in places:
                faults.append(Fault("data.names", f"has the column {shown(name)} twice", "it once"))
            else:
                places[name] = place
        missing = [name for name in self._names if name not in places]
        unknown = [name for name in places if name not in self._known]
        if missing:
            faults.append(Fault("data.names", "lacks the columns " + ", ".join(missing)))
        if unknown:
            listed = ", ".join(map(shown, unknown[:_MOST_FAULTS]))
            expected = "only " + ", ".join(self._names)
            faults.append(Fault("data.names", f"has the unknown columns {listed}", expected))
        if faults:
            raise _refusal(faults)
        return [places[name] for name in self._names]


def example_body(example: Mapping[str, Cell]) -> bytes:
    """Give the request that has one row with these values."""
    data = {"names": list(example), "ndarray": [list(example.values())]}
    return json.dumps({"data": data}).encode()


def parsed(body: bytes) -> object:
    """Parse a request's JSON.

    Raises:
        InvalidInput: It is none, or nested so deep that it cannot be read.
    """
    try:
        return json.loads(body)
    except RecursionError:
        raise InvalidInput(
            "The request is no JSON that can be read: it is nested too deep."
        ) from None
    except ValueError as error:
        # The message of a JSONDecodeError has a position and no payload; others are not shown.
        problem = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise InvalidInput(f"The request is no JSON that can be read: {problem}.") from None


def _check(column: Column, values: list[Cell], faults: list[Fault]) -> None:
    fits = _is_number if column.type == "number" else _is_text
    for number, value in enumerate(values):
        if fits(value) or (value is None and column.nullable):
            continue
        kind = "a finite number" if column.type == "number" else "a text"
        expected = f"{kind} or null" if column.nullable else kind
        path = f"column {column.name}, row {number}"
        faults.append(Fault(path, f"is {shown(value)}", expected))
        if len(faults) > _MOST_FAULTS:
            return


def _is_number(value: Cell) -> bool:
    # The exact type leaves out booleans; the comparison leaves out NaN and infinities.
    if type(value) is not float and type(value) is not int:
        return False
    return -LARGEST_NUMBER <= value <= LARGEST_NUMBER


def _is_text(value: Cell) -> bool:
    if type(value) is not str:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no model's runtime takes
        return False
    return True


def _found(value: object) -> str:
    return "missing" if value is None else shown(value)


def _refusal(faults: list[Fault]) -> InvalidInput:
    listed = "; ".join(str(fault) for fault in faults[:_MOST_FAULTS])
    if len(faults) > _MOST_FAULTS:
        listed += "; and more"
    return InvalidInput(f"The request cannot be answered: {listed}.")
