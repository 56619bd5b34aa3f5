"""A linear model as plain JSON: what a spreadsheet could compute.

The terms are those after encoding, by the names that scikit-learn gives them; how a request is
encoded is what the ONNX model has.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from headrace.training.model.fitted import Fitted

FORMAT = "headrace.dev/linear/v1"

_LINKS = {"LogisticRegression": "logit", "SGDClassifier": "decision", "LinearSVC": "decision"}
_MOST_TERMS = 10_000


def linear_json(fitted: Fitted) -> bytes | None:
    """Write the weights of a linear model; None for any other.

    Args:
        fitted: The model.
    """
    estimator = fitted.estimator
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    weights, intercept = getattr(last, "coef_", None), getattr(last, "intercept_", None)
    if weights is None or intercept is None:
        return None
    table = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    names = _names(fitted, table.shape[1])
    numbers = np.atleast_1d(np.asarray(intercept, dtype=np.float64))
    if names is None or table.size > _MOST_TERMS or not np.isfinite(table).all():
        return None
    classes = fitted.description.classes
    rows = classes if len(classes) == len(table) else (fitted.description.positive or "value",)
    document = {
        "format": FORMAT,
        "target": fitted.description.target,
        "link": _LINKS.get(type(last).__name__, "identity"),
        "answers": [
            {
                "answer": row,
                "intercept": float(numbers[min(place, len(numbers) - 1)]),
                "weights": dict(zip(names, map(float, table[place]), strict=True)),
            }
            for place, row in enumerate(rows)
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _names(fitted: Fitted, count: int) -> list[str] | None:
    """Name the terms; None where the encoding cannot tell."""
    estimator: Any = fitted.estimator
    try:
        names = [str(name) for name in estimator[:-1].get_feature_names_out()]
    except (AttributeError, TypeError, ValueError):
        names = [column.name for column in fitted.description.inputs]
    return names if len(names) == count and len(set(names)) == count else None
