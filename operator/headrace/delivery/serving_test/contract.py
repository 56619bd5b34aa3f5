"""Whether a server keeps the protocol, and answers real rows as the offline model does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace.delivery.serving_test.client import Answer, ask, body_of
from headrace.serving.request import MOST_ROWS, Cell
from headrace.serving.signature import Signature

Columns = Mapping[str, Sequence[Cell]]

BATCH = 100


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    Attributes:
        name: What.
        passed: Whether it went as it must.
        message: What was seen, in one sentence.
    """

    name: str
    passed: bool
    message: str


@dataclass(frozen=True)
class Expected:
    """What the offline model says of some requests.

    Attributes:
        columns: Of the requests, n values in each.
        answers: Shape (n,): probabilities, labels or numbers.
        tolerance: Between two probabilities; of numbers, as a share of their spread.
    """

    columns: Columns
    answers: NDArray[Any]
    tolerance: float


def findings(url: str, signature: Signature, expected: Expected) -> tuple[Finding, ...]:
    """Try a server with real rows: one alone, all in batches, columns in another order.

    Raises:
        PlatformUnavailable: The server does not answer at all.
    """
    names = list(expected.columns)
    first = {name: list(expected.columns[name][:1]) for name in names}
    alone = ask(url, body_of(first))
    turned = ask(url, body_of(dict(reversed(first.items()))))
    values = _values(alone, signature, 1)
    found: list[Any] = []
    refused = ""
    for start in range(0, len(expected.answers), BATCH):
        part = {name: expected.columns[name][start : start + BATCH] for name in names}
        answer = ask(url, body_of(part))
        batch = _values(answer, signature, len(part[names[0]]))
        if batch is None:
            refused = refused or f"rows from {start} on: {_said(answer)}"
            batch = [None] * len(part[names[0]])
        found += batch
    return (
        _named("a row alone", values is not None, _said(alone)),
        _named("columns in another order", _same(alone, turned), _said(turned)),
        _version(alone, signature),
        _named("all rows", not refused, refused or f"{len(found)} rows were answered"),
        _parity(found, expected, signature),
    )


def _values(answer: Answer, signature: Signature, rows: int) -> list[Any] | None:
    """Give the predictions of an answer that keeps the protocol; None for any other."""
    document = answer.document
    data = document.get("data") if isinstance(document, dict) else None
    if answer.status != 200 or not isinstance(data, dict):
        return None
    table = data.get("ndarray")
    is_table = isinstance(table, list) and len(table) == rows
    if data.get("names") != [signature.output.name] or not is_table:
        return None
    assert isinstance(table, list)
    if not all(isinstance(row, list) and len(row) == 1 for row in table):
        return None
    values = [row[0] for row in table]
    return values if all(_is_answer(value, signature) for value in values) else None


def _is_answer(value: object, signature: Signature) -> bool:
    if signature.output.kind == "label":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return signature.output.kind == "number" or 0 <= value <= 1


def _same(one: Answer, other: Answer) -> bool:
    if one.status != 200 or other.status != 200:
        return False
    return bool(one.document.get("data") == other.document.get("data"))


def _version(answer: Answer, signature: Signature) -> Finding:
    meta = answer.document.get("meta") if isinstance(answer.document, dict) else None
    tags = meta.get("tags") if isinstance(meta, dict) else None
    wanted = {"model": signature.name, "version": signature.version}
    return _named("the answer names its version", tags == wanted, f"its tags are {tags}")


def _parity(found: Sequence[Any], expected: Expected, signature: Signature) -> Finding:
    name = "the same answers as offline"
    pairs = [
        (value, truth)
        for value, truth in zip(found, expected.answers.tolist(), strict=True)
        if value is not None
    ]
    if not pairs:
        return _named(name, False, "no row was answered")
    if signature.output.kind == "label":
        differ = sum(str(value) != str(truth) for value, truth in pairs)
        share = differ / len(pairs)
        return _named(name, share <= expected.tolerance, f"{differ} of {len(pairs)} labels differ")
    truths = np.array([truth for _, truth in pairs], dtype=float)
    largest = float(np.abs(np.array([value for value, _ in pairs], dtype=float) - truths).max())
    unit = 1.0
    if signature.output.kind == "number":
        unit = max(float(truths.std()), 1e-3 * float(np.abs(truths).max()), 1e-12)
    said = f"the largest difference over {len(pairs)} rows is {largest / unit:.2g}"
    more = f"at most {expected.tolerance:g} is allowed"
    return _named(name, largest / unit <= expected.tolerance, f"{said}, {more}")


def _said(answer: Answer) -> str:
    document = answer.document
    status = document.get("status") if isinstance(document, dict) else None
    info = status.get("info") if isinstance(status, dict) else None
    return f"status {answer.status}" + (f": {str(info)[:300]}" if info else "")


def _named(name: str, passed: bool, message: str) -> Finding:
    return Finding(name, passed, message)


def bad_requests(columns: Columns, types: Mapping[str, str]) -> dict[str, bytes]:
    """Make requests that a server must refuse with 400, and survive.

    Args:
        columns: Of requests that are right; one value in each is enough.
        types: `number` or `string` by column.
    """
    one = {name: list(values[:1]) for name, values in columns.items()}
    first = next(iter(one))
    right = body_of(one)
    wrong: Cell = "seven" if types[first] == "number" else 7.0
    requests = {
        "nothing": b"",
        "no JSON": right[:-1],
        "no object": b"[1, 2, 3]",
        "no data": b'{"rows": []}',
        "no rows": body_of({name: [] for name in one}),
        "a column too few": body_of({name: one[name] for name in list(one)[1:]})
        if len(one) > 1
        else b'{"data": {"names": [], "ndarray": [[]]}}',
        "a column too many": body_of({**one, "(unknown)": [1.0]}),
        "a value of another type": body_of({**one, first: [wrong]}),
        "true in place of a value": body_of({**one, first: [True]}),
        "too many rows": body_of({name: values * (MOST_ROWS + 1) for name, values in one.items()}),
        "deep nesting": b"[" * 100_000,
    }
    number = next((name for name in one if types[name] == "number"), None)
    if number is not None:
        marked = body_of({**one, number: [0.123456789]})
        requests["NaN"] = marked.replace(b"0.123456789", b"NaN")
        requests["an infinite number"] = marked.replace(b"0.123456789", b"1e999")
    return requests


def refusals(url: str, requests: Mapping[str, bytes], right: bytes) -> tuple[Finding, ...]:
    """Send bad requests; each must be refused with 400, and a good one answered afterwards.

    Raises:
        PlatformUnavailable: The server does not answer.
    """
    found = []
    for name, body in requests.items():
        answer = ask(url, body)
        found.append(_named(f"refused: {name}", answer.status == 400, _said(answer)))
    after = ask(url, right)
    return (*found, _named("a good request after all that", after.status == 200, _said(after)))
