"""From a fitted pipeline to the bytes of an ONNX model."""

from __future__ import annotations

import copy
import warnings

from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.pipeline import Pipeline

from headrace.serving.signature import Column

OPSET = 17


def to_onnx(pipeline: Pipeline, inputs: tuple[Column, ...]) -> bytes:
    """Convert a fitted pipeline; each input becomes a tensor of shape (n, 1).

    Args:
        pipeline: As `train.pipeline` builds it.
        inputs: The columns it was fitted on.
    """
    types = {"string": StringTensorType, "number": FloatTensorType}
    # The converter writes into the estimators it is given.
    given = copy.deepcopy(pipeline)
    with warnings.catch_warnings():
        # skl2onnx 1.20 puts bools into an integer attribute, which protobuf 7.34 will refuse.
        warnings.filterwarnings("ignore", "Field onnx.AttributeProto.ints", DeprecationWarning)
        model = convert_sklearn(
            given,
            name="model",  # the default is a random name, and would change the digest each time
            initial_types=[(column.name, types[column.type]([None, 1])) for column in inputs],
            options={id(given): {"zipmap": False}},
            target_opset=OPSET,
        )
    content: bytes = model.SerializeToString(deterministic=True)
    return content
