"""How fast the packaged model answers, beside the estimator that it was made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from headrace.serving.bundle import read_bundle
from headrace.serving.runtimes import load_model
from headrace.training.data.table import read_table
from headrace.training.model.columns import inputs_of, request_of
from headrace.training.model.fitted import read_fitted
from headrace.training.packaging.parity import answers

SECONDS = 2.0


def answers_a_second(bundle: Path, model: Path, rows: Path) -> dict[int, tuple[float, float]]:
    """Ask both for one row, and for a thousand at once.

    Args:
        bundle: The packaged model.
        model: The fitted one.
        rows: Parquet, at least a thousand.

    Returns:
        By rows in a call, rows a second of ONNX and of scikit-learn.
    """
    packaged, fitted = load_model(read_bundle(bundle)), read_fitted(model)
    described = fitted.description
    request = request_of(read_table(rows).head(1000), described.request_columns)
    inputs = inputs_of(request, described.features, described.inputs)
    found = {}
    for size in (1, 1000):
        some = {name: values[:size] for name, values in inputs.items()}
        found[size] = (
            size * _calls_a_second(partial(packaged.predict, some)),
            size * _calls_a_second(partial(answers, fitted, some)),
        )
    return found


def _calls_a_second(call: Callable[[], object]) -> float:
    call()
    calls, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        call()
        calls += 1
    return calls / (time.perf_counter() - begun)
