"""Reads and writes recordings; see `headrace.metrics.recording` for the format."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.errors import InvalidInput
from headrace.metrics.matchers import NAME
from headrace.metrics.recording import FORMAT, RawSeries, Recording, Samples, merged

MOST_BYTES = 64_000_000
"""Of a file: some ten million samples."""

_LATEST = 1e11
_ADVICE = "Record it with `headrace record`, or save what Prometheus answers to `query_range`."


def read_recording(path: Path) -> Recording:
    """Read a file.

    Raises:
        InvalidInput: It is no recording; the text says where and why.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InvalidInput(
                f"{path} has {size / 1e6:,.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are read. "
                "Record a shorter range."
            )
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in UTF-8. {_ADVICE}") from error
    try:
        found = [_part(document) for document in _documents(text)]
    except _Malformed as error:
        raise InvalidInput(f"{path} is no recording: {error}. {_ADVICE}") from error
    if not found:
        raise InvalidInput(f"{path} is empty. {_ADVICE}")
    recording = merged(found)
    if not recording.size:
        raise InvalidInput(f"{path} has no samples: nothing was counted in that range.")
    return recording


class _Malformed(ValueError):
    """What is wrong with a document, as a phrase."""


def _documents(text: str) -> Iterator[Any]:
    """Give the one JSON value of a file, or that of each line."""
    try:
        yield json.loads(text)
        return
    except (ValueError, RecursionError):
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for number, line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _Malformed(f"line {number} is not JSON ({error})") from error


def _part(document: Any) -> Recording:
    if not isinstance(document, dict):
        raise _Malformed(f"it holds {_shown(document)} where an object is expected")
    if "format" in document:
        if document["format"] != FORMAT:
            raise _Malformed(f"its format is {_shown(document['format'])}, expected {FORMAT}")
        return Recording(_text(document.get("rollout")), _text(document.get("stable")))
    if "status" in document:
        return Recording(series=tuple(_of_answer(document)))
    if "series" in document:
        return Recording(series=tuple(_of_target(document)))
    if "query" in document:
        query, times = document["query"], _times(document.get("times"))
        if not isinstance(query, str):
            raise _Malformed(f"a query is {_shown(query)}")
        return Recording(levels={query: _samples(times, document.get("values"), "a query")})
    keys = ", ".join(list(map(str, document))[:8]) or "nothing"
    raise _Malformed(f"an object has {keys}, and none of format, series, query and status")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _of_answer(document: Mapping[str, Any]) -> Iterator[RawSeries]:
    """Read an answer of Prometheus."""
    if document["status"] != "success":
        error = document.get("error", "no reason given")
        raise _Malformed(f"it is an answer of Prometheus that says {_shown(error)}")
    data = document.get("data")
    kind = data.get("resultType") if isinstance(data, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if kind != "matrix" or not isinstance(result, list):
        raise _Malformed(f"its resultType is {_shown(kind)}, expected matrix")
    for entry in result:
        if not isinstance(entry, dict) or not isinstance(entry.get("values"), list):
            raise _Malformed("a series of the answer has no values")
        labels = _labels(entry.get("metric"))
        if not labels.get(NAME):
            raise _Malformed(
                f"a series has no {NAME}, as rate(), increase() and sum() take it away; "
                "expected raw counters"
            )
        pairs = entry["values"]
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            raise _Malformed(f"a value of {labels[NAME]} is no pair of time and number")
        times = _times([pair[0] for pair in pairs])
        values = [pair[1] for pair in pairs]
        yield RawSeries(labels, _samples(times, values, labels[NAME]))


def _of_target(document: Mapping[str, Any]) -> Iterator[RawSeries]:
    common, times = _labels(document.get("labels", {})), _times(document.get("times"))
    series = document["series"]
    if not isinstance(series, list) or not all(isinstance(one, dict) for one in series):
        raise _Malformed(f"series is {_shown(series)}, expected a list of objects")
    for one in series:
        labels = {**common, **_labels(one.get("labels", {}))}
        if not labels.get(NAME):
            raise _Malformed(f"a series has no label {NAME}")
        yield RawSeries(labels, _samples(times, one.get("values"), labels[NAME]))


def _labels(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _Malformed(f"labels are {_shown(value)}, expected texts by name")
    return value


def _times(value: Any) -> list[float]:
    if not isinstance(value, list):
        raise _Malformed(f"times are {_shown(value)}, expected a list")
    for time in value:
        if isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time < _LATEST:
            hint = ": are these milliseconds?" if isinstance(time, int | float) else ""
            raise _Malformed(f"a time is {_shown(time)}, expected Unix seconds{hint}")
    return value


def _samples(times: Sequence[float], values: Any, whose: str) -> Samples:
    if not isinstance(values, list) or len(values) != len(times):
        count = len(values) if isinstance(values, list) else _shown(values)
        raise _Malformed(f"{whose} has {len(times)} times and {count} values")
    seen = [index for index, value in enumerate(values) if value is not None]
    numbers = [_number(values[index], whose) for index in seen]
    return Samples.of([times[index] for index in seen], numbers)


def _number(value: Any, whose: str) -> float:
    """Read a number; Prometheus writes them as texts, `NaN` and `+Inf` among them."""
    if not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise _Malformed(f"a value of {whose} is {_shown(value)}, expected a number")


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    text = "not there" if value is None else text
    return text if len(text) <= 80 else f"{text[:80]}..."


def write_recording(path: Path, recording: Recording) -> None:
    """Write a file.

    Raises:
        InvalidInput: It cannot be written there.
    """
    lines = (json.dumps(line, separators=(",", ":"), allow_nan=False) for line in _lines(recording))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from error


def _lines(recording: Recording) -> Iterator[dict[str, Any]]:
    yield {"format": FORMAT, "rollout": recording.rollout, "stable": recording.stable}
    targets: dict[tuple[str, str], list[RawSeries]] = {}
    for one in recording.series:
        target = one.labels.get("job", ""), one.labels.get("instance", "")
        targets.setdefault(target, []).append(one)
    for _, group in sorted(targets.items()):
        yield _target(group)
    for query, samples in recording.levels.items():
        values = [_written(value) for value in samples.values.tolist()]
        yield {"query": query, "times": samples.times.tolist(), "values": values}


def _target(group: Sequence[RawSeries]) -> dict[str, Any]:
    common = dict(frozenset.intersection(*(frozenset(one.labels.items()) for one in group)))
    times = sorted({time for one in group for time in one.samples.times.tolist()})
    return {
        "labels": dict(sorted(common.items())),
        "times": times,
        "series": [
            {
                "labels": {k: v for k, v in sorted(one.labels.items()) if k not in common},
                "values": _column(one.samples, times),
            }
            for one in group
        ],
    }


def _column(samples: Samples, times: Iterable[float]) -> list[Any]:
    known = dict(zip(samples.times.tolist(), samples.values.tolist(), strict=True))
    return [_written(known[time]) if time in known else None for time in times]


def _written(value: float) -> Any:
    """Write a number that is none as Prometheus does; whole ones without a fraction."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return int(value) if value == int(value) else value
