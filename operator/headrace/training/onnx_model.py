"""The answers of an ONNX model to many rows at once, as offline scores need them."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

from headrace.errors import InvalidBundle
from headrace.serving.bundle import Bundle
from headrace.serving.signature import Column
from headrace.training.features import compute_features
from headrace.training.flights import REQUEST
from headrace.training.inputs import frame_of

PROBABILITIES = "probabilities"
"""The graph's output: shape (n, 2), the second column holds the probability of a yes."""


def probabilities(
    model: bytes, inputs: tuple[Column, ...], rows: pd.DataFrame, tensor: str = PROBABILITIES
) -> NDArray[np.float32]:
    """Run an ONNX model.

    Args:
        model: Its bytes.
        inputs: Its columns.
        rows: Those columns, n rows.
        tensor: The output that holds the probabilities.

    Returns:
        The probability of a yes, shape (n,).

    Raises:
        InvalidBundle: The model does not load, or does not answer these rows.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    feed = {
        column.name: rows[column.name]
        .to_numpy(dtype=np.float32 if column.type == "number" else object)
        .reshape(-1, 1)
        for column in inputs
    }
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (answers,) = session.run([tensor], feed)
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise InvalidBundle(f"The ONNX model does not run: {error}") from error
    return np.asarray(answers, dtype=np.float32)[:, -1]


def bundle_probabilities(bundle: Bundle, rows: pd.DataFrame) -> NDArray[np.float32]:
    """Answer rows of requests with a bundle's model.

    Raises:
        InvalidBundle: It is no ONNX bundle, reads inputs that cannot be computed, or does not run.
    """
    signature = bundle.signature
    if signature.runtime != "onnx":
        raise InvalidBundle(
            f"{signature.name} {signature.version} is a {signature.runtime} bundle; "
            "only ONNX bundles can be compared offline."
        )
    computed = compute_features({name: rows[name].tolist() for name in REQUEST})
    if unknown := [each.name for each in signature.inputs if each.name not in computed]:
        raise InvalidBundle(
            f"{signature.name} {signature.version} reads {', '.join(unknown)}, "
            f"which is none of the inputs that a flight has: {', '.join(computed)}."
        )
    inputs = frame_of(computed, signature.inputs)
    tensor = signature.output.tensor or PROBABILITIES
    return probabilities(bundle.model, signature.inputs, inputs, tensor)
