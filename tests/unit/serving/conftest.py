"""Small real models, as ONNX graphs that are built node by node."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest
from onnx import TensorProto, helper

from headrace.serving.bundle import Bundle, Column, Output, Reference, Signature
from headrace.serving.reference import Categories, Histogram

Graph = Callable[..., bytes]


@pytest.fixture(scope="session")
def graph() -> Graph:
    """Make a graph: probability = sigmoid(distance + 1 for the carrier AA)."""

    def build(output: str = "late", width: int = 1) -> bytes:
        nodes = [
            helper.make_node(
                "LabelEncoder",
                ["carrier"],
                ["code"],
                domain="ai.onnx.ml",
                keys_strings=["AA"],
                values_floats=[1.0],
                default_float=0.0,
            ),
            helper.make_node("Add", ["distance", "code"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], [output]),
        ]
        return _model(
            nodes,
            {"distance": TensorProto.FLOAT, "carrier": TensorProto.STRING},
            {output: (TensorProto.FLOAT, width)},
        )

    return build


@pytest.fixture
def signature() -> Signature:
    return Signature(
        name="flight-delay",
        version="2",
        runtime="onnx",
        file="model.onnx",
        inputs=(Column("distance", "number"), Column("carrier", "string", nullable=True)),
        output=Output("late", "probability", 0.5),
        metadata={"commit": "abc"},
    )


@pytest.fixture
def reference() -> Reference:
    return Reference(
        features={
            "distance": Histogram((0.0, 1.0), (10, 20, 30)),
            "carrier": Categories({"AA": 5, "UA": 4, "other": 1, "missing": 0}),
        },
        prediction=Histogram((0.25, 0.5, 0.75), (1, 2, 3, 4)),
    )


@pytest.fixture
def bundle(signature: Signature, reference: Reference, graph: Graph) -> Bundle:
    return Bundle(
        digest="sha256:" + "0" * 64,
        signature=signature,
        model=graph(),
        reference=reference,
        examples=({"distance": 1.5, "carrier": "AA"}, {"distance": -2, "carrier": None}),
        card="# flight-delay",
    )


def _model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, int],
    outputs: dict[str, tuple[int, int]],
) -> bytes:
    built = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in inputs.items()],
        [
            helper.make_tensor_value_info(name, kind, [None, width])
            for name, (kind, width) in outputs.items()
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(built, opset_imports=opsets, ir_version=8).SerializeToString())
