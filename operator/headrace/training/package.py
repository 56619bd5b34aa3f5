"""Package a fitted pipeline as a bundle, after checking that ONNX gives the same answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from headrace.errors import InvalidBundle, InvalidData
from headrace.serving.bundle import Example, write_bundle
from headrace.serving.reference import Categories, Distribution, Histogram, Reference
from headrace.serving.signature import MODEL_FILES, Output, Signature
from headrace.training.card import CardFacts, write_card
from headrace.training.features import REQUEST_COLUMNS, SCHEDULED
from headrace.training.flights import TARGET, FeatureSet
from headrace.training.inputs import model_inputs
from headrace.training.onnx_export import to_onnx
from headrace.training.onnx_model import PROBABILITIES, probabilities
from headrace.training.scores import score

COMPARED_ROWS = 1000
LARGEST_DIFFERENCE = 1e-5
"""Between the answers of ONNX (float32) and scikit-learn (float64) for a row."""

EXAMPLES = 100
THRESHOLD = 0.5
"""Above it, a flight counts as predicted late."""


@dataclass(frozen=True)
class Release:
    """What names a model.

    Attributes:
        name: The model's name.
        version: The version's name.
        metadata: Free text that goes into the signature.
    """

    name: str
    version: str
    metadata: Mapping[str, str]


def package(
    target: Path,
    release: Release,
    pipeline: Pipeline,
    features: FeatureSet,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
) -> str:
    """Write a bundle. The same inputs give the same bytes, and so the same digest.

    Args:
        target: The directory to make.
        release: Name and version.
        pipeline: The fitted model.
        features: Its inputs.
        train: The rows it was fitted on, for the distributions of features.
        holdout: Rows it was not fitted on, for scores, examples and distribution of predictions.

    Returns:
        The bundle's digest.

    Raises:
        InvalidData: Train or holdout is too small.
        InvalidBundle: ONNX gives other answers than scikit-learn.
        Conflict: `target` is there already.
    """
    if len(holdout) < EXAMPLES:
        raise InvalidData(f"The holdout has {len(holdout)} rows; expected at least {EXAMPLES}.")
    model = to_onnx(pipeline, features.inputs)
    inputs = model_inputs(holdout, features)
    difference = largest_difference(pipeline, model, features, inputs)
    predicted = probabilities(model, features.inputs, inputs)
    facts = CardFacts(
        name=release.name,
        version=release.version,
        inputs=features.inputs,
        first=str(train[SCHEDULED].min()),
        last=str(train[SCHEDULED].max()),
        rows=len(train),
        parameters=chosen_parameters(pipeline),
        scores=score(holdout[TARGET].to_numpy(), predicted),
        difference=difference,
    )
    signature = Signature(
        name=release.name,
        version=release.version,
        runtime="onnx",
        file=MODEL_FILES["onnx"],
        inputs=features.inputs,
        output=Output(TARGET, "probability", threshold=THRESHOLD, tensor=PROBABILITIES),
        metadata=release.metadata,
    )
    reference = Reference(
        features=distributions(model_inputs(train, features), features),
        prediction=Histogram.measure(predicted),
    )
    examples = requests(usual_first(_spread(holdout, EXAMPLES), train, features))
    return write_bundle(target, signature, model, reference, examples, write_card(facts))


def largest_difference(
    pipeline: Pipeline, model: bytes, features: FeatureSet, inputs: pd.DataFrame
) -> float:
    """Compare the answers of ONNX and scikit-learn, also for missing and unknown values.

    Args:
        pipeline: The fitted model.
        model: Its ONNX form.
        features: Its inputs.
        inputs: Rows of them; at most `COMPARED_ROWS` are used, spread over all of them.

    Returns:
        The largest difference, at most `LARGEST_DIFFERENCE`.

    Raises:
        InvalidBundle: They differ by more.
    """
    rows = _spread(inputs, COMPARED_ROWS)
    strange = rows.head(2).copy()
    strange[list(features.strings)] = "(unknown)"
    nullable = [column.name for column in features.inputs if column.nullable]
    strange[nullable] = np.nan
    rows = pd.concat([rows, strange], ignore_index=True)
    expected = pipeline.predict_proba(rows)[:, 1]
    difference = float(np.abs(expected - probabilities(model, features.inputs, rows)).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise InvalidBundle(
            f"On {len(rows)} rows, ONNX and scikit-learn differ by up to {difference:.2g}; "
            f"expected at most {LARGEST_DIFFERENCE:g}. "
            "Use estimators that skl2onnx converts exactly."
        )
    return difference


def chosen_parameters(pipeline: Pipeline) -> dict[str, float | int]:
    """Give the parameters of the classifier that the grid search chose."""
    parameters = pipeline[-1].get_params()
    return {name: parameters[name] for name in ("learning_rate", "max_leaf_nodes", "max_iter")}


def distributions(inputs: pd.DataFrame, features: FeatureSet) -> dict[str, Distribution]:
    """Measure each input of the training data. An input with no value at all is left out."""
    measured: dict[str, Distribution] = {
        name: Categories.measure(inputs[name]) for name in features.strings
    }
    for name in features.numbers:
        if inputs[name].notna().any():
            measured[name] = Histogram.measure(inputs[name].to_numpy())
    return measured


def usual_first(rows: pd.DataFrame, train: pd.DataFrame, features: FeatureSet) -> pd.DataFrame:
    """Order rows by how often their rarest text occurs in training.

    A server warms up with the first examples, and should meet what users will send most.
    """
    shares = pd.DataFrame(
        {
            name: rows[name].map(train[name].value_counts(normalize=True)).fillna(0.0)
            for name in features.strings
        }
    )
    order = shares.min(axis=1).sort_values(ascending=False, kind="stable").index
    return rows.loc[order].reset_index(drop=True)


def requests(rows: pd.DataFrame) -> list[Example]:
    """Give rows as requests carry them: one object of columns each, null for missing."""
    names = [column.name for column in REQUEST_COLUMNS]
    columns = [[_plain(value) for value in rows[name].tolist()] for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(value: float | str) -> float | str | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def _spread(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """Take rows at even distances, so that they are of all days and hours."""
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return rows.iloc[places].reset_index(drop=True)
