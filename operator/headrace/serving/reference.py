"""How features and predictions were distributed when the model was trained.

The server counts live values into the same bins, so that drift can be judged from counters. A bin
holds the values above the bound before it, up to and with its own bound, as Prometheus buckets do.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headrace.errors import Fault, InvalidData
from headrace.serving.signature import is_name, shown

FORMAT = "headrace.dev/reference/v1"

MOST_BINS = 100
MOST_CATEGORIES = 200

OTHER = "other"
"""Counts the categories that have no name of their own."""

MISSING = "missing"
"""Counts nulls."""


@dataclass(frozen=True)
class Histogram:
    """Counts of a number's values.

    Attributes:
        bounds: Upper bounds of the bins, ascending and finite, 1 to `MOST_BINS`.
        counts: One more than bounds: the last counts the values above all bounds.
        missing: How many values were null or NaN.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int = 0

    @classmethod
    def measure(cls, values: ArrayLike, bins: int = 15) -> Histogram:
        """Choose bins that hold about equally many of the given values, and count them.

        Bounds lie midway between two values that occur. A bound on a value would let the rounding
        from float64 to float32 move that value's whole mass to the next bin, and look like drift.

        Args:
            values: Numbers, shape (n,), NaN for missing; at least one is finite.
            bins: How many at most, 2 to `MOST_BINS`; values with few distinct levels need fewer.

        Raises:
            InvalidData: No value is finite.
        """
        array = np.asarray(values, dtype=np.float64).ravel()
        finite = array[np.isfinite(array)]
        if finite.size == 0:
            raise InvalidData("A reference histogram needs at least one finite value.")
        bounds = _bounds(finite, bins)
        places = np.searchsorted(bounds, array[~np.isnan(array)], side="left")
        counts = np.bincount(places, minlength=len(bounds) + 1)
        return cls(
            bounds=tuple(float(bound) for bound in bounds),
            counts=tuple(int(count) for count in counts),
            missing=int(np.isnan(array).sum()),
        )

    def bin(self, value: float) -> int:
        """Give the index in `counts` of a value, which is not NaN."""
        return bisect.bisect_left(self.bounds, value)


@dataclass(frozen=True)
class Categories:
    """Counts of a text's values.

    Attributes:
        counts: By category; `other` and `missing` mean what their names say.
    """

    counts: Mapping[str, int]

    @classmethod
    def measure(cls, values: Iterable[str | None], most: int = 30) -> Categories:
        """Count values by category.

        Args:
            values: The texts, None for missing.
            most: How many categories are kept by name, the most frequent first; the rest
                is counted as `other`.
        """
        found = Counter(MISSING if value is None else value for value in values)
        missing = found.pop(MISSING, 0)
        other = found.pop(OTHER, 0)
        # By count, then by name: equal counts must not depend on the order of the rows.
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        kept = [(name, count) for name, count in ranked[:most] if is_name(name)]
        other += sum(found.values()) - sum(count for _, count in kept)
        return cls({**dict(kept), OTHER: other, MISSING: missing})


Distribution = Histogram | Categories


@dataclass(frozen=True)
class Reference:
    """The distributions of the training data.

    Attributes:
        features: By the name of a model's input; an input may be left out.
        prediction: Of the model's own predictions on data that it was not fitted to.
    """

    features: Mapping[str, Distribution]
    prediction: Distribution

    def to_document(self) -> dict[str, object]:
        """Give the content of `reference.json`."""
        return {
            "format": FORMAT,
            "features": {name: _document(each) for name, each in self.features.items()},
            "prediction": _document(self.prediction),
        }


def parse_reference(document: Mapping[str, object]) -> tuple[Reference | None, list[Fault]]:
    """Read the content of `reference.json`.

    Args:
        document: What JSON gave; its fields may hold anything.

    Returns:
        The reference and no faults, or None and every fault.
    """
    faults: list[Fault] = []
    if document.get("format") != FORMAT:
        faults.append(Fault("format", f"is {shown(document.get('format'))}", f'"{FORMAT}"'))
    features = document.get("features")
    parsed: dict[str, Distribution] = {}
    if _is_object(features):
        for name, item in features.items():
            each = _parse_distribution(item, f"features.{shown(name)}", faults)
            if each is not None:
                parsed[name] = each
    else:
        faults.append(Fault("features", f"is {shown(features)}", "an object"))
    prediction = _parse_distribution(document.get("prediction"), "prediction", faults)
    if faults or prediction is None:
        return None, faults
    return Reference(parsed, prediction), []


def _bounds(finite: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    levels = np.unique(finite)
    if levels.size == 1:
        # A constant in training: one bin around it, so that a departure to either side shows.
        margin = 1e-3 * max(1.0, abs(float(levels[0])))
        return np.array([levels[0] - margin, levels[0] + margin])
    shares = np.linspace(0, 1, bins + 1)[1:-1]
    chosen = np.quantile(finite, shares, method="inverted_cdf")
    below = np.minimum(np.searchsorted(levels, chosen), levels.size - 2)
    return np.unique(levels[below] + (levels[below + 1] - levels[below]) / 2)


def _document(distribution: Distribution) -> dict[str, object]:
    if isinstance(distribution, Categories):
        return {"categories": dict(distribution.counts)}
    return {
        "bounds": list(distribution.bounds),
        "counts": list(distribution.counts),
        "missing": distribution.missing,
    }


def _parse_distribution(value: object, path: str, faults: list[Fault]) -> Distribution | None:
    if _is_object(value) and set(value) == {"categories"}:
        return _parse_categories(value["categories"], f"{path}.categories", faults)
    if _is_object(value) and set(value) == {"bounds", "counts", "missing"}:
        return _parse_histogram(value, path, faults)
    expected = "an object with bounds, counts and missing, or with categories"
    faults.append(Fault(path, f"is {shown(value)}", expected))
    return None


def _parse_histogram(
    value: Mapping[str, object], path: str, faults: list[Fault]
) -> Histogram | None:
    bounds, counts, missing = value["bounds"], value["counts"], value["missing"]
    before = len(faults)
    if not _is_ascending(bounds) or not 1 <= len(bounds) <= MOST_BINS:
        expected = f"1 to {MOST_BINS} finite ascending numbers"
        faults.append(Fault(f"{path}.bounds", f"is {shown(bounds)}", expected))
    elif not isinstance(counts, list) or len(counts) != len(bounds) + 1:
        expected = f"a list of {len(bounds) + 1}, one more than bounds"
        faults.append(Fault(f"{path}.counts", f"is {shown(counts)}", expected))
    elif not all(_is_count(count) for count in [*counts, missing]):
        faults.append(Fault(f"{path}.counts", "has a negative or broken count", "whole numbers"))
    if len(faults) > before or not isinstance(bounds, list) or not isinstance(counts, list):
        return None
    return Histogram(tuple(map(float, bounds)), tuple(counts), missing if _is_count(missing) else 0)


def _parse_categories(value: object, path: str, faults: list[Fault]) -> Categories | None:
    if not _is_object(value) or len(value) > MOST_CATEGORIES:
        expected = f"an object of at most {MOST_CATEGORIES} counts"
        faults.append(Fault(path, f"is {shown(value)}", expected))
        return None
    counts: dict[str, int] = {}
    for name, count in value.items():
        if is_name(name) and _is_count(count):
            counts[name] = count
        else:
            faults.append(Fault(f"{path}.{shown(name)}", f"is {shown(count)}", "a whole number"))
    return Categories(counts) if len(counts) == len(value) else None


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_ascending(value: object) -> TypeGuard[Sequence[float]]:
    if not isinstance(value, list):
        return False
    if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in value):
        return False
    return all(abs(x) < 1e308 and math.isfinite(x) for x in value) and all(
        a < b for a, b in itertools.pairwise(value)
    )
