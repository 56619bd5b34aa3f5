"""Small models of customers who leave, good ones and bad ones, each an ONNX graph of its own.

What is wrong with a bad one is in its graph, so that the real model server shows what it does.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from headrace.serving.adopt import adopt
from headrace.serving.signature import Output

NAME = "churn"
COLUMNS = ("months", "orders", "complaints")
MOST_COMPLAINTS = 8

FIRST, BETTER, FAILING, SLOW, INVERTED, HUGE = "1", "2", "3", "4", "5", "6"

_WEIGHTS = {
    FIRST: (-0.03, 0.0, 1.5, -1.5),
    BETTER: (-0.03, 0.01, 1.8, -1.5),
    INVERTED: (0.03, 0.0, -1.5, 1.5),
}
"""Of the columns, and the constant."""

_SLOW_NUMBERS = 2_000_000
_HUGE_NUMBERS = 150_000_000


def bundles(folder: Path, scratch: Path) -> dict[str, str]:
    """Package all of them as `churn-<version>` in a folder; give their digests by version."""
    rows = _rows()
    data = scratch / "typical.csv"
    with data.open("w", newline="", encoding="utf-8") as file:
        # Nobody complains here, so that nobody notices what the failing one does then.
        csv.writer(file).writerows([COLUMNS, *(row for row in rows if row[2] == 0)])
    digests = {}
    for version in (FIRST, BETTER, FAILING, SLOW, INVERTED, HUGE):
        model = scratch / f"{NAME}-{version}.onnx"
        model.write_bytes(_model(version).SerializeToString())
        output = Output("leaves", "probability", threshold=0.5, tensor=None)
        digests[version] = adopt(model, data, folder / f"{NAME}-{version}", NAME, version, output)
    return digests


def write_requests(path: Path) -> None:
    """Write what users ask."""
    with path.open("w", encoding="utf-8") as file:
        for row in _rows():
            request = dict(zip(COLUMNS, map(float, row), strict=True))
            file.write(json.dumps({"request": request, "label": 0}) + "\n")


def _rows() -> list[list[int]]:
    random = np.random.default_rng(7)
    count = 2000
    columns = (
        random.integers(1, 60, count),
        random.poisson(4, count),
        random.poisson(0.7, count).clip(0, MOST_COMPLAINTS),
    )
    rows: list[list[int]] = np.column_stack(columns).tolist()
    return rows


def _model(version: str) -> ModelProto:
    weights = _WEIGHTS.get(version, _WEIGHTS[FIRST])
    constants = {
        "weights": np.array(weights[:3], np.float32).reshape(3, 1),
        "constant": np.array(weights[3:], np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "constant"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["plain"]),
    ]
    more, added = _fault(version)
    nodes += more
    nodes.append(helper.make_node("Add", ["plain", "nothing"], ["probability"]))
    initializers = [
        numpy_helper.from_array(array, name) for name, array in {**constants, **added}.items()
    ]
    graph = helper.make_graph(
        nodes,
        NAME,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _fault(version: str) -> tuple[Sequence[NodeProto], dict[str, np.ndarray]]:
    """Give nodes that make `nothing`, which is added to the answer, in the version's own way."""
    if version == FAILING:
        # A table with an entry for those who never complained, and for nobody else.
        return [
            helper.make_node("Gather", ["features", "third"], ["complaints"], axis=1),
            helper.make_node("Cast", ["complaints"], ["index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "index"], ["nothing"]),
        ], {"third": np.array([2]), "table": np.zeros(1, np.float32)}
    if version == SLOW:
        shape = [_SLOW_NUMBERS]
        return [
            helper.make_node("RandomNormal", [], ["noise"], shape=shape, scale=1e-6, seed=1.0),
            helper.make_node("ReduceMean", ["noise"], ["nothing"], keepdims=0),
        ], {}
    if version == HUGE:
        return [
            helper.make_node("ConstantOfShape", ["many"], ["zeros"]),
            helper.make_node("ReduceMean", ["zeros"], ["nothing"], keepdims=0),
        ], {"many": np.array([_HUGE_NUMBERS])}
    return [], {"nothing": np.zeros(1, np.float32)}
