"""Runs a bundle's model: ONNX or skops, never pickle.

Both are loaded from bytes that were checked, on the CPU, in one thread: a server of several models
on few cores gets worse, not better, from threads of its own, and replicas are the way to more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headrace.errors import InvalidBundle
from headrace.serving.bundle import Bundle
from headrace.serving.request import Cell
from headrace.serving.signature import Column, Output, Signature

_ELEMENTS: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(string)": np.object_,
}


class Model(Protocol):
    """A model that is loaded."""

    def predict(self, columns: Mapping[str, Sequence[Cell]]) -> NDArray[Any]:
        """Predict.

        Args:
            columns: At least the model's inputs, n values each; None is missing.

        Returns:
            Shape (n,): probabilities, numbers or labels, unchecked.
        """


def load_model(bundle: Bundle) -> Model:
    """Load the model of a bundle.

    Raises:
        InvalidBundle: It cannot be loaded, or does not fit its signature.
    """
    if bundle.signature.runtime == "onnx":
        return OnnxModel(bundle.signature, bundle.model)
    return SkopsModel(bundle.signature, bundle.model)


class OnnxModel:
    """An ONNX graph with one tensor for each column, or one for all of them."""

    def __init__(self, signature: Signature, model: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base below this
            raise InvalidBundle(f"{signature.file} cannot be loaded: {error}.") from error
        self._columns = signature.inputs
        self._output = signature.output
        inputs = {each.name: each for each in self._session.get_inputs()}
        self._matrix = _matrix(signature, inputs)
        self._types = {} if self._matrix else _types(signature, inputs)
        self._tensor = _tensor(signature, self._session.get_outputs())

    def predict(self, columns: Mapping[str, Sequence[Cell]]) -> NDArray[Any]:
        """See `Model.predict`."""
        if self._matrix:
            name, element = self._matrix
            feeds = {name: np.array([columns[c.name] for c in self._columns], element).T}
        else:
            feeds = {
                column.name: _array(columns[column.name], self._types[column.name])[:, None]
                for column in self._columns
            }
        return _flat(self._session.run([self._tensor], feeds)[0], self._output)


_HARMLESS = ["numpy.dtype"]
"""What skops does not trust by itself but runs no code: an imputer keeps its kind of number."""


class SkopsModel:
    """A scikit-learn estimator, which gets one array in the order of the signature's inputs.

    It must have been fitted on such an array, not on a DataFrame: the serving image has no pandas.
    """

    def __init__(self, signature: Signature, model: bytes) -> None:
        import skops.io

        try:
            unknown = skops.io.get_untrusted_types(data=model)
            untrusted = sorted(set(unknown) - set(_HARMLESS))
            self._estimator = None if untrusted else skops.io.loads(model, trusted=_HARMLESS)
        except Exception as error:  # zip, JSON, import and type errors alike
            raise InvalidBundle(f"{signature.file} cannot be loaded: {error}.") from error
        if untrusted:
            raise InvalidBundle(
                f"{signature.file} holds types that skops does not trust: {', '.join(untrusted)}. "
                "Loading them could run any code: use scikit-learn's own, or export to ONNX."
            )
        self._output = signature.output
        wanted = "predict_proba" if self._output.kind == "probability" else "predict"
        if not hasattr(self._estimator, wanted):
            raise InvalidBundle(
                f"{signature.file} has no {wanted}, which an output of kind "
                f"{self._output.kind} needs: it is a {type(self._estimator).__name__}."
            )
        self._predict = getattr(self._estimator, wanted)
        self._columns = signature.inputs
        texts = any(column.type == "string" for column in signature.inputs)
        self._element = np.object_ if texts else np.float64

    def predict(self, columns: Mapping[str, Sequence[Cell]]) -> NDArray[Any]:
        """See `Model.predict`."""
        table = np.empty((len(columns[self._columns[0].name]), len(self._columns)), self._element)
        for place, column in enumerate(self._columns):
            element = np.float64 if column.type == "number" else np.object_
            table[:, place] = _array(columns[column.name], element)
        return _flat(self._predict(table), self._output)


def _array(values: Sequence[Cell], element: type[np.generic]) -> NDArray[Any]:
    if element is np.object_:
        texts = ["" if value is None else value for value in values]
        # Both runtimes would take a number for its digits, which is a category nobody trained on.
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a column of texts has a value that is no text")
        return np.array(texts, dtype=object)
    return np.array(values, dtype=element)  # None becomes NaN


def _flat(values: Any, output: Output) -> NDArray[Any]:
    """Take the one value for each row: of two classes' probabilities, the second."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == (2 if output.kind == "probability" else 1):
        return array[:, -1]
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    return array


def _matrix(signature: Signature, inputs: Mapping[str, Any]) -> tuple[str, type[np.generic]] | None:
    """Find the single tensor that takes all columns, if the graph is made so."""
    columns = signature.inputs
    if len(inputs) != 1 or any(column.type == "string" for column in columns):
        return None
    (tensor,) = inputs.values()
    width = tensor.shape[1] if len(tensor.shape) == 2 else None
    if tensor.name == columns[0].name and len(columns) == 1:
        return None
    if width != len(columns) and isinstance(width, int):
        return None
    if tensor.type not in ("tensor(float)", "tensor(double)"):
        return None
    return tensor.name, _ELEMENTS[tensor.type]


def _types(signature: Signature, inputs: Mapping[str, Any]) -> dict[str, type[np.generic]]:
    """Check the graph's inputs against the columns.

    Raises:
        InvalidBundle: They differ; the text has every difference.
    """
    problems = [
        f"it takes {name}, which is no input of model.json"
        for name in sorted(set(inputs) - {column.name for column in signature.inputs})
    ]
    types = {}
    for column in signature.inputs:
        if column.name not in inputs:
            problems.append(f"it does not take {column.name}")
            continue
        tensor = inputs[column.name]
        if not _fits(column, tensor):
            expected = "tensor(string)" if column.type == "string" else "tensor(float)"
            problems.append(
                f"it takes {column.name} as {tensor.type} of shape {tensor.shape}, "
                f"expected {expected} of shape [None, 1]"
            )
            continue
        types[column.name] = _ELEMENTS[tensor.type]
    if problems:
        raise InvalidBundle(f"{signature.file} does not fit model.json: {'; '.join(problems)}.")
    return types


def _fits(column: Column, tensor: Any) -> bool:
    if len(tensor.shape) != 2 or tensor.shape[1] not in (1, None):
        return False
    if column.type == "string":
        return bool(tensor.type == "tensor(string)")
    return tensor.type in ("tensor(float)", "tensor(double)")


def _tensor(signature: Signature, outputs: Sequence[Any]) -> str:
    """Choose the graph's output and check that it is a tensor of a fitting shape."""
    output = signature.output
    named = {each.name: each for each in outputs}
    default = outputs[0 if output.kind == "label" else -1].name
    name = output.tensor or default
    found = ", ".join(f"{each.name} ({each.type}, {each.shape})" for each in outputs)
    if name not in named:
        raise InvalidBundle(
            f"{signature.file} has no output {name}, which model.json names; it has {found}."
        )
    tensor = named[name]
    if not tensor.type.startswith("tensor("):
        raise InvalidBundle(
            f"{signature.file}: the output {name} is a {tensor.type}. "
            "Convert a classifier with the option zipmap=False, which gives a tensor."
        )
    width = tensor.shape[1] if len(tensor.shape) == 2 else 1
    most = 2 if output.kind == "probability" else 1
    if len(tensor.shape) > 2 or (isinstance(width, int) and width > most):
        raise InvalidBundle(
            f"{signature.file}: the output {name} has shape {tensor.shape}; an output of kind "
            f"{output.kind} has at most {most} values a row."
        )
    return str(name)
