"""From a fitted estimator to the bytes of an ONNX model, which any language can run."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from headrace.errors import InvalidBundle
from headrace.serving.signature import Column

OPSET = 17

_TYPES = {"string": StringTensorType, "number": FloatTensorType}


@dataclass(frozen=True)
class Exported:
    """An ONNX model.

    Attributes:
        content: Its bytes; the same estimator always gives the same.
        outputs: The names of its graph's outputs: of a classifier labels, then probabilities.
    """

    content: bytes
    outputs: tuple[str, ...]


def export(estimator: Any, inputs: Sequence[Column]) -> Exported:
    """Convert a fitted estimator.

    Each input becomes a tensor of shape (n, 1). Where the first step is no ColumnTransformer and
    all inputs are numbers, they become one tensor of shape (n, number of inputs).

    Args:
        estimator: Fitted on a data frame of the inputs.
        inputs: In their order.

    Raises:
        InvalidBundle: skl2onnx cannot convert it; the text has its reason.
    """
    # The converter writes into the estimators it is given.
    given = copy.deepcopy(estimator)
    options = {id(given): {"zipmap": False}} if is_classifier(given) else None
    try:
        with warnings.catch_warnings():
            # skl2onnx 1.20 puts bools into an integer attribute, which protobuf 7.34 will refuse.
            warnings.filterwarnings("ignore", "Field onnx.AttributeProto.ints", DeprecationWarning)
            model = convert_sklearn(
                given,
                name="model",  # the default is a random name, and would change the digest each time
                initial_types=_types(given, inputs),
                options=options,
                target_opset=OPSET,
            )
    except Exception as error:  # its own, and whatever a converter runs into
        said = " ".join(str(error).split()).partition(". ")[0][:300]
        raise InvalidBundle(
            f"The {type(estimator).__name__} cannot be converted to ONNX: {said}. "
            "Use estimators that skl2onnx has converters for."
        ) from error
    content = same_bytes(model)
    return Exported(content, tuple(each.name for each in model.graph.output))


def same_bytes(model: Any) -> bytes:
    """Write an ONNX model, with its domains in order.

    The converter keeps them in a set: now and then another process had them the other way round,
    and a retry was refused, as its bundle had another digest.
    """
    domains = sorted(model.opset_import, key=lambda each: str(each.domain))
    del model.opset_import[:]
    model.opset_import.extend(domains)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _types(estimator: Any, inputs: Sequence[Column]) -> list[tuple[str, Any]]:
    first = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(first, ColumnTransformer) or any(each.type == "string" for each in inputs):
        return [(column.name, _TYPES[column.type]([None, 1])) for column in inputs]
    return [("inputs", FloatTensorType([None, len(inputs)]))]
