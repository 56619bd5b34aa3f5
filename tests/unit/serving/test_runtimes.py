from __future__ import annotations

import dataclasses
import io
import zipfile
from typing import Any

import numpy as np
import onnx
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from headrace.errors import InvalidBundle
from headrace.serving.bundle import Bundle, Column, Output
from headrace.serving.runtimes import load_model

PROBABILITY = Output("late", "probability", 0.5)
NUMBER = Output("late", "number")
LABEL = Output("late", "label")
NUMBERS = (Column("a", "number"), Column("b", "number"))


def onnx_bundle(
    bundle: Bundle,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[int | None]]],
    outputs: dict[str, tuple[int, list[int | None]]],
    columns: tuple[Column, ...] = NUMBERS,
    output: Output = PROBABILITY,
) -> Bundle:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "model",
        [info(name, *rest) for name, rest in inputs.items()],
        [info(name, *rest) for name, rest in outputs.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    signature = dataclasses.replace(bundle.signature, inputs=columns, output=output)
    return dataclasses.replace(bundle, model=model, signature=signature)


def sum_of(first: str, second: str, output: str = "late") -> list[onnx.NodeProto]:
    return [helper.make_node("Add", [first, second], [output])]


def joined(*names: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Concat", names, ["late"], axis=1)]


def skops_bundle(
    bundle: Bundle,
    estimator: Any,
    columns: tuple[Column, ...] = NUMBERS,
    output: Output = PROBABILITY,
) -> Bundle:
    signature = dataclasses.replace(
        bundle.signature, runtime="skops", file="model.skops", inputs=columns, output=output
    )
    return dataclasses.replace(bundle, model=skops.io.dumps(estimator), signature=signature)


def test_onnx_takes_a_tensor_for_each_column_and_nulls(bundle: Bundle) -> None:
    model = load_model(bundle)
    found = model.predict({"distance": [0.0, 0, None], "carrier": ["UA", "AA", None]})
    assert found.shape == (3,)
    assert found[:2] == pytest.approx([0.5, 1 / (1 + np.exp(-1))])
    assert np.isnan(found[2])


@pytest.mark.parametrize(
    ("kind", "places"), [(TensorProto.FLOAT, 6), (TensorProto.DOUBLE, 12)], ids=["float", "double"]
)
def test_onnx_takes_columns_of_both_precisions(bundle: Bundle, kind: int, places: int) -> None:
    shape: tuple[int, list[int | None]] = (kind, [None, 1])
    model = load_model(
        onnx_bundle(bundle, sum_of("a", "b"), {"a": shape, "b": shape}, {"late": shape})
    )
    assert model.predict({"a": [0.1], "b": [0.2]})[0] == pytest.approx(0.3, abs=10**-places)


@pytest.mark.parametrize("width", [2, None], ids=["of their number", "of any width"])
def test_onnx_takes_all_columns_in_one_tensor_in_their_order(
    bundle: Bundle, width: int | None
) -> None:
    nodes = [helper.make_node("Gather", ["X", "place"], ["late"], axis=1)]
    constant = helper.make_node(
        "Constant", [], ["place"], value=helper.make_tensor("p", TensorProto.INT64, [1], [1])
    )
    model = load_model(
        onnx_bundle(
            bundle,
            [constant, *nodes],
            {"X": (TensorProto.FLOAT, [None, width])},
            {"late": (TensorProto.FLOAT, [None, 1])},
        )
    )
    found = model.predict({"b": [3.0, 4.0], "a": [1.0, 2.0]})
    assert found.tolist() == [3.0, 4.0]


def test_of_two_classes_the_second_ones_probability_is_taken(bundle: Bundle) -> None:
    nodes = [helper.make_node("Concat", ["a", "b"], ["probabilities"], axis=1)]
    shape: tuple[int, list[int | None]] = (TensorProto.FLOAT, [None, 1])
    model = load_model(
        onnx_bundle(
            bundle,
            nodes,
            {"a": shape, "b": shape},
            {"probabilities": (TensorProto.FLOAT, [None, 2])},
        )
    )
    assert model.predict({"a": [0.75], "b": [0.25]}).tolist() == [0.25]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (NUMBER, 12.0),
        (Output("late", "number", tensor="product"), 35.0),
        (Output("late", "label", tensor=None), 35.0),
    ],
    ids=["the last for a number", "the one that is named", "the first for a label"],
)
def test_which_output_is_taken(bundle: Bundle, output: Output, expected: float) -> None:
    shape: tuple[int, list[int | None]] = (TensorProto.FLOAT, [None, 1])
    nodes = [helper.make_node("Mul", ["a", "b"], ["product"]), *sum_of("a", "b", "sum")]
    model = load_model(
        onnx_bundle(
            bundle,
            nodes,
            {"a": shape, "b": shape},
            {"product": shape, "sum": shape},
            output=output,
        )
    )
    assert model.predict({"a": [5.0], "b": [7.0]}).tolist() == [expected]


FLOATS: tuple[int, list[int | None]] = (TensorProto.FLOAT, [None, 1])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"columns": (*NUMBERS, Column("c", "number"))}, "it does not take c"),
        ({"columns": NUMBERS[:1]}, "it takes b, which is no input of model.json"),
        (
            {"columns": (Column("a", "string"), NUMBERS[1])},
            r"it takes a as tensor\(float\).*expected tensor\(string\)",
        ),
        (
            {"inputs": {"a": (TensorProto.INT64, [None, 1]), "b": FLOATS}},
            r"it takes a as tensor\(int64\).*expected tensor\(float\)",
        ),
        ({"inputs": {"a": (TensorProto.FLOAT, [None, 3]), "b": FLOATS}}, "it takes a as"),
        ({"output": Output("late", "number", tensor="x")}, "has no output x"),
        (
            {"nodes": joined("a", "b", "a"), "outputs": {"late": (TensorProto.FLOAT, [None, 3])}},
            "at most 2 values a row",
        ),
        (
            {
                "nodes": joined("a", "b"),
                "outputs": {"late": (TensorProto.FLOAT, [None, 2])},
                "output": NUMBER,
            },
            "at most 1 values a row",
        ),
    ],
    ids=[
        "a column that the graph lacks",
        "an input that is no column",
        "a number for a string",
        "an integer tensor",
        "a wide input",
        "an output that is not there",
        "three classes",
        "two numbers",
    ],
)
def test_a_graph_that_does_not_fit_its_signature_is_refused(
    bundle: Bundle, change: dict[str, Any], problem: str
) -> None:
    given: dict[str, Any] = {
        "nodes": [helper.make_node("Identity", ["b"], ["late"])],
        "inputs": {"a": FLOATS, "b": FLOATS},
        "outputs": {"late": FLOATS},
    }
    with pytest.raises(InvalidBundle, match=problem):
        load_model(onnx_bundle(bundle, **{**given, **change}))


def test_a_map_of_classes_is_refused_with_the_option_that_helps(bundle: Bundle) -> None:
    nodes = [
        helper.make_node("Concat", ["a", "b"], ["p"], axis=1),
        helper.make_node("ZipMap", ["p"], ["late"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, *FLOATS) for name in "ab"],
        [
            helper.make_value_info(
                "late",
                helper.make_sequence_type_proto(
                    helper.make_map_type_proto(
                        TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, None)
                    )
                ),
            )
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    signature = dataclasses.replace(bundle.signature, inputs=NUMBERS)
    with pytest.raises(InvalidBundle, match="zipmap=False"):
        load_model(dataclasses.replace(bundle, model=model, signature=signature))


@pytest.mark.parametrize("runtime", ["onnx", "skops"])
@pytest.mark.parametrize(
    "content", [b"junk", b"", b"\x80\x04\x95"], ids=["junk", "empty", "pickle"]
)
def test_bytes_that_are_no_model_are_refused(bundle: Bundle, runtime: str, content: bytes) -> None:
    signature = dataclasses.replace(
        bundle.signature,
        runtime=runtime,  # type: ignore[arg-type]
        file=f"model.{runtime}",
    )
    with pytest.raises(InvalidBundle, match=f"model.{runtime} cannot be loaded"):
        load_model(dataclasses.replace(bundle, model=content, signature=signature))


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(0).normal(size=(200, 2))
    return values, (values[:, 0] > values[:, 1]).astype(int)


@pytest.mark.parametrize(
    ("output", "expected"),
    [(PROBABILITY, "predict_proba"), (LABEL, "predict")],
    ids=["a probability", "a label"],
)
def test_skops_gives_what_the_estimator_gives(
    bundle: Bundle, table: tuple[np.ndarray, np.ndarray], output: Output, expected: str
) -> None:
    values, target = table
    estimator = LogisticRegression().fit(values, target)
    model = load_model(skops_bundle(bundle, estimator, output=output))
    found = model.predict({"b": values[:5, 1].tolist(), "a": values[:5, 0].tolist()})
    direct = getattr(estimator, expected)(values[:5])
    assert found.tolist() == (direct[:, 1] if direct.ndim == 2 else direct).tolist()


def test_skops_takes_texts_by_position(bundle: Bundle) -> None:
    rows = np.array([["AA", 1.0], ["UA", 2.0], ["AA", 3.0], ["UA", 4.0]], dtype=object)
    encoder = ColumnTransformer([("text", OneHotEncoder(handle_unknown="ignore"), [0])])
    estimator = make_pipeline(encoder, LogisticRegression()).fit(rows, [1, 0, 1, 0])
    columns = (Column("carrier", "string"), Column("distance", "number"))
    model = load_model(skops_bundle(bundle, estimator, columns))
    found = model.predict({"carrier": ["AA", "UA", "ZZ"], "distance": [1.0, 2.0, 3.0]})
    assert found[0] > found[2] > found[1]


def test_skops_without_probabilities_is_refused(
    bundle: Bundle, table: tuple[np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(InvalidBundle, match="has no predict_proba"):
        load_model(skops_bundle(bundle, LinearRegression().fit(*table)))


def test_skops_with_a_type_that_is_not_trusted_is_refused(bundle: Bundle) -> None:
    # A function of anybody's, as a pickle could carry it.
    estimator = make_pipeline(FunctionTransformer(anything), LogisticRegression())
    with pytest.raises(InvalidBundle, match=r"does not trust: .*anything"):
        load_model(skops_bundle(bundle, estimator))


def anything(values: Any) -> Any:
    return values


def test_a_zip_without_a_schema_is_refused(bundle: Bundle) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "x")
    signature = dataclasses.replace(bundle.signature, runtime="skops", file="model.skops")
    with pytest.raises(InvalidBundle, match="cannot be loaded"):
        load_model(dataclasses.replace(bundle, model=content.getvalue(), signature=signature))
