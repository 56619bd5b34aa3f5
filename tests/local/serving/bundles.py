"""A small model, packaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from headrace.serving.bundle import Column, Example, Output, Reference, Signature, write_bundle
from headrace.serving.reference import Categories, Histogram


def make_bundle(path: Path, version: str, weight: float) -> Path:
    """Train and package a small model; `weight` is how much the carrier counts."""
    rng = np.random.default_rng(0)
    distance, hour = rng.normal(size=(2, 2000))
    carrier = rng.choice(["AA", "UA", "DL"], 2000)
    late = distance + hour + weight * (carrier == "AA") + rng.normal(size=2000) / 4 > 0.5
    table = np.column_stack([distance.astype(object), hour.astype(object), carrier])
    encoder = ColumnTransformer(
        [("carrier", OneHotEncoder(handle_unknown="ignore"), [2]), ("rest", "passthrough", [0, 1])]
    )
    estimator = make_pipeline(encoder, LogisticRegression()).fit(table, late)
    types = [
        ("distance", FloatTensorType([None, 1])),
        ("hour", FloatTensorType([None, 1])),
        ("carrier", StringTensorType([None, 1])),
    ]
    graph = to_onnx(estimator, initial_types=types, options={"zipmap": False})
    signature = Signature(
        name="flight-delay",
        version=version,
        runtime="onnx",
        file="model.onnx",
        inputs=(
            Column("distance", "number"),
            Column("hour", "number"),
            Column("carrier", "string"),
        ),
        output=Output("late", "probability", 0.5),
    )
    reference = Reference(
        features={
            "distance": Histogram.measure(distance),
            "hour": Histogram.measure(hour),
            "carrier": Categories.measure(carrier.tolist()),
        },
        prediction=Histogram.measure(estimator.predict_proba(table)[:, 1]),
    )
    examples: list[Example] = [
        {"distance": float(row[0]), "hour": float(row[1]), "carrier": str(row[2])}
        for row in table[:20]
    ]
    model = graph.SerializeToString()
    write_bundle(path, signature, model, reference, examples, f"# flight-delay {version}")
    return path
