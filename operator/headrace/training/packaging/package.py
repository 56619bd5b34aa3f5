"""Package a fitted model as a bundle, after checking that ONNX gives the same answers."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from headrace.errors import Conflict, InvalidData, InvalidInput
from headrace.serving.bundle import read_bundle, write_bundle
from headrace.serving.signature import MODEL_FILES, Output, OutputKind, Signature
from headrace.training.data.schema import Task
from headrace.training.model.columns import inputs_of, request_of
from headrace.training.model.fitted import DESCRIPTION, MODEL, Description, read_fitted
from headrace.training.packaging.canonical import canonical
from headrace.training.packaging.card import Card, card_of
from headrace.training.packaging.card_text import html_of, markdown_of
from headrace.training.packaging.distributions import examples_of, reference_of
from headrace.training.packaging.export import export
from headrace.training.packaging.linear import linear_json
from headrace.training.packaging.parity import packaged_answers, require_parity, spread

ESTIMATOR, CARD, PAGE, DIGESTS, LINEAR = (
    "estimator.skops",
    "card.json",
    "card.html",
    "digests.json",
    "linear.json",
)
"""What a bundle has besides the files that servers read."""

_KINDS: Mapping[Task, OutputKind] = {
    "binary": "probability",
    "multiclass": "label",
    "regression": "number",
}
_MEASURED_ROWS = 100_000
"""Rows that are enough for a distribution."""


@dataclass(frozen=True)
class Release:
    """What names a model, and what people tell about it.

    Attributes:
        name: The model's name.
        version: The version's name.
        about: For the card, see `about_of`.
        threshold: Of a binary model: above it, a probability counts as a yes.
        tolerance: Of a regression, in the target's unit: how far apart the answers of two versions
            may be and still agree; 0 leaves it to the comparator.
    """

    name: str
    version: str
    about: Mapping[str, object] = field(default_factory=dict)
    threshold: float = 0.5
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InvalidInput: The tolerance is negative or not finite.
        """
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise InvalidInput(f"tolerance is {self.tolerance}; expected a number from 0 on.")


@dataclass(frozen=True)
class Packaged:
    """A bundle that was written.

    Attributes:
        digest: Of the whole, `sha256:` and 64 hexadecimal digits.
        signature: What it takes and gives.
        card: Its card.
    """

    digest: str
    signature: Signature
    card: Card

    def page(self) -> str:
        """Give the card as an HTML page."""
        return html_of(self.card)

    def metadata(self) -> dict[str, str]:
        """Give what goes into an artifact's metadata: what it is, and where it comes from."""
        lineage = self.signature.metadata
        known = {
            "model_format_name": self.signature.runtime,
            "model_name": self.signature.name,
            "model_version": self.signature.version,
            "digest": self.digest,
            "signature": json.dumps(self.signature.to_document(), sort_keys=True),
            "data_digest": lineage.get("data-digest", ""),
            "training_run_id": lineage.get("run", ""),
            "code_commit": lineage.get("code-commit", ""),
        }
        return {name: text for name, text in known.items() if text}


def package(
    target: Path,
    release: Release,
    fitted_dir: Path,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    evaluation: Mapping[str, Any] | None = None,
) -> Packaged:
    """Write a bundle. The same inputs give the same bytes, and so the same digest.

    Args:
        target: The directory to make; a retry that finds its own bundle there is content.
        release: Name, version and what people tell.
        fitted_dir: What `train` or `tune` wrote.
        train: The rows that the model was fitted on, for the distributions of its inputs.
        holdout: Rows that it was not fitted on, for parity, examples and predictions.
        evaluation: The document that `evaluate` wrote.

    Raises:
        NotFound: There is no fitted model.
        InvalidData: Rows are missing, or lack a column.
        InvalidInput: What people tell is no text, or the features cannot be computed.
        InvalidBundle: The model cannot be loaded or converted, or answers otherwise as ONNX.
        Conflict: Another bundle is at `target`.
    """
    for name, rows in (("training", train), ("holdout", holdout)):
        if rows.empty:
            raise InvalidData(f"The {name} data has no rows; packaging needs at least one.")
    fitted = read_fitted(fitted_dir)
    known = fitted.description
    exported = export(fitted.estimator, known.inputs)
    kind = _KINDS[known.task]
    output = Output(
        known.target,
        kind,
        threshold=release.threshold if kind == "probability" else None,
        tensor=exported.outputs[0 if kind == "label" else -1],
        tolerance=release.tolerance or None if kind == "number" else None,
    )
    signature = Signature(
        name=release.name,
        version=release.version,
        runtime="onnx",
        file=MODEL_FILES["onnx"],
        inputs=known.inputs,
        output=output,
        metadata=lineage_of(known, evaluation),
    )
    seen, unseen = (request_of(rows, known.request_columns) for rows in (train, holdout))
    trained_on = inputs_of(spread(seen, _MEASURED_ROWS), known.features, known.inputs)
    inputs = inputs_of(spread(unseen, _MEASURED_ROWS), known.features, known.inputs)
    parity = require_parity(fitted, signature, exported.content, inputs)
    predictions = packaged_answers(signature, exported.content, inputs)
    card = card_of(release.name, release.version, known, release.about, evaluation or {}, parity)
    extras = {
        ESTIMATOR: canonical((fitted_dir / MODEL).read_bytes()),
        DESCRIPTION: (fitted_dir / DESCRIPTION).read_bytes(),
        CARD: card.document().encode(),
        PAGE: html_of(card).encode(),
    }
    linear = linear_json(fitted)
    if linear is not None:
        extras[LINEAR] = linear
    extras[DIGESTS] = _digests({signature.file: exported.content, **extras})
    reference = reference_of(trained_on, known.inputs, output, predictions)
    examples = examples_of(unseen, seen, known.request_columns)
    try:
        written = write_bundle(
            target, signature, exported.content, reference, examples, markdown_of(card), extras
        )
    except Conflict:
        # A retry after a crash: what is there is ours if it has all that is written here.
        there = read_bundle(target)
        written = there.digest
        is_ours = (there.signature, there.model) == (signature, exported.content)
        if not is_ours or not _has(target, extras):
            raise
    return Packaged(written, signature, card)


def lineage_of(known: Description, evaluation: Mapping[str, Any] | None) -> dict[str, str]:
    """Give what leads from a served version back to its data, code and run, as texts."""
    lineage = {
        "task": known.task,
        "estimator": known.estimator,
        "data-digest": known.data_digest,
        "code-commit": known.code_commit,
        "run": known.run,
        "features": known.features,
        # What the model server cannot know by itself where its inputs are computed.
        "request": json.dumps([asdict(column) for column in known.request_columns])
        if known.features
        else "",
        "rows": str(known.rows),
        "seed": str(known.seed),
        "evaluation": _digest(json.dumps(evaluation, sort_keys=True).encode())
        if evaluation
        else "",
        **{f"software-{name}": version for name, version in sorted(known.software.items())},
    }
    return {name: value for name, value in lineage.items() if value}


def _digests(files: Mapping[str, bytes]) -> bytes:
    document = {name: _digest(content) for name, content in sorted(files.items())}
    return json.dumps(document, indent=1).encode() + b"\n"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _has(target: Path, extras: Mapping[str, bytes]) -> bool:
    return all(
        (target / name).is_file() and (target / name).read_bytes() == content
        for name, content in extras.items()
    )
