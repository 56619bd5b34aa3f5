"""The model's inputs of stored rows, computed by the code that the model server runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from headrace.errors import InvalidData
from headrace.serving.signature import Column
from headrace.training.features import compute_features
from headrace.training.flights import REQUEST, FeatureSet


def model_inputs(rows: pd.DataFrame, features: FeatureSet) -> pd.DataFrame:
    """Compute what the model reads.

    Args:
        rows: With the columns of a request, n rows.
        features: Which inputs.

    Returns:
        Shape (n, number of inputs): text as str, numbers as float32, which is what the server
        gives the model, with NaN for missing.

    Raises:
        InvalidData: A column of the request is missing.
    """
    if missing := [name for name in REQUEST if name not in rows]:
        raise InvalidData(f"The rows lack the columns {', '.join(missing)} of a request.")
    computed = compute_features({name: rows[name].tolist() for name in REQUEST})
    return frame_of(computed, features.inputs)


def frame_of(columns: dict[str, list[object]], inputs: tuple[Column, ...]) -> pd.DataFrame:
    """Arrange columns as a model's inputs, None becoming NaN in numbers."""
    return pd.DataFrame(
        {
            column.name: np.asarray(
                columns[column.name], dtype=np.float32 if column.type == "number" else object
            )
            for column in inputs
        }
    )
