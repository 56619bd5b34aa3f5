"""Hand a fitted pipeline from one task to the next, without pickle: skops runs no code on loading.

This is not what is served; `onnx_model` makes that.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import skops.io
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from headrace.errors import InvalidData

TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
)
"""What `train.pipeline` holds besides what skops trusts by itself."""


def write_model(path: Path, pipeline: Pipeline) -> None:
    """Store a fitted pipeline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    skops.io.dump(pipeline, path)


def read_model(path: Path) -> Pipeline:
    """Load a pipeline that `write_model` stored.

    Raises:
        InvalidData: The file is missing, no skops file, or holds types that training never writes.
    """
    try:
        model = skops.io.load(path, trusted=list(TRUSTED))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidData(f"{path} cannot be read as a skops model: {error}.") from error
    except UntrustedTypesFoundException as error:
        raise InvalidData(f"{path} holds types that training never writes: {error}.") from error
    if not isinstance(model, Pipeline):
        raise InvalidData(f"{path} holds a {type(model).__name__}; expected a Pipeline.")
    return model
