"""A fitted model between two tasks: a directory with `model.skops` and `fitted.json`.

No pickle: skops rebuilds an estimator from its parts, and the types of the parts are checked
before anything is loaded. This is not what is served; `package` makes a bundle of it.
"""

from __future__ import annotations

import importlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import skops.io
from pydantic import TypeAdapter, ValidationError

from headrace.errors import InvalidBundle, NotFound, PlatformUnavailable
from headrace.serving.signature import Column
from headrace.training.data.schema import Task

FORMAT: Final = "headrace.dev/fitted/v1"
MODEL, DESCRIPTION = "model.skops", "fitted.json"

_TRUSTED_PACKAGES = ("sklearn", "numpy")
_UNTRUSTED_PARTS = ("tests", "testing", "_testing", "f2py", "externals", "distutils")


@dataclass(frozen=True)
class Description:
    """What is known about a fitted model.

    Attributes:
        task: `binary`, `multiclass` or `regression`.
        target: The column that it predicts.
        positive: Of a binary task: the label whose probability it gives; else empty.
        classes: The labels: of a binary task the other and the positive one, of a multiclass task
            all in the order of the estimator's `classes_`; empty for a regression.
        inputs: What the estimator reads, in its order.
        request_columns: What a request carries.
        features: Import path `package.module:function` from request columns to inputs; empty where
            the request's columns are the inputs.
        estimator: Import path of the estimator behind the encoding.
        parameters: The estimator's own, as they were given or found.
        seed: Of everything random.
        data_digest: Of the rows that it was fitted on.
        rows: How many those were.
        first: The earliest instant of those rows, ISO 8601 in UTC; None where they have none.
        last: The latest one.
        run: The MLflow run that tracked it; empty for none.
        software: Versions by package.
        code_commit: The git commit of the code; empty where it is not known.
    """

    task: Task
    target: str
    inputs: tuple[Column, ...]
    request_columns: tuple[Column, ...]
    estimator: str
    data_digest: str
    rows: int
    positive: str = ""
    classes: tuple[str, ...] = ()
    features: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    first: str | None = None
    last: str | None = None
    run: str = ""
    software: Mapping[str, str] = field(default_factory=dict)
    code_commit: str = ""


@dataclass(frozen=True)
class _Document(Description):
    format: Literal["headrace.dev/fitted/v1"] = FORMAT


_READER = TypeAdapter(_Document)


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator and what is known about it.

    Attributes:
        estimator: From a data frame of `description.inputs` to predictions. A binary one has the
            classes 0 and 1, where 1 is the positive label; a multiclass one has texts.
        description: The rest.
    """

    estimator: Any
    description: Description


def write_fitted(path: Path, fitted: Fitted) -> None:
    """Store a fitted model; it is there as a whole or not at all, and replaces what was there.

    Args:
        path: The directory to make.
        fitted: The model.

    Raises:
        InvalidBundle: It holds types that could not be loaded again.
        PlatformUnavailable: The disk did not take it.
    """
    text = json.dumps({"format": FORMAT, **asdict(fitted.description)}, indent=2, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside:
            folder = Path(beside) / "fitted"
            folder.mkdir()
            skops.io.dump(fitted.estimator, folder / MODEL)
            _require_trusted(folder / MODEL)
            (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
            shutil.rmtree(path, ignore_errors=True)
            folder.rename(path)
    except OSError as error:
        raise PlatformUnavailable(f"The model cannot be written to {path}: {error}.") from error


def read_fitted(path: Path) -> Fitted:
    """Load what `write_fitted` stored.

    Raises:
        NotFound: There is no such directory, or it lacks a file.
        InvalidBundle: A file is broken, or the model holds types other than those of scikit-learn
            and numpy, which the text names.
    """
    for name in (MODEL, DESCRIPTION):
        if not (path / name).is_file():
            raise NotFound(
                f"There is no {name} in {path}: expected a directory that train or tune wrote."
            )
    description = read_description(path)
    trusted = _require_trusted(path / MODEL)
    try:
        estimator = skops.io.load(path / MODEL, trusted=trusted)
    except Exception as error:  # zip, JSON, import and type errors alike
        raise InvalidBundle(f"{path / MODEL} cannot be loaded: {error}.") from error
    return Fitted(estimator, description)


def read_description(path: Path) -> Description:
    """Read `fitted.json` alone.

    Raises:
        InvalidBundle: It is no description; the text has every fault.
    """
    file = path / DESCRIPTION
    try:
        document = _READER.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidBundle(f"{file} describes no fitted model: {_said(error)}.") from error
    values = {name: getattr(document, name) for name in Description.__dataclass_fields__}
    return Description(**values)


def _said(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return str(error)
    faults = (
        f"{'.'.join(map(str, each['loc'])) or '(document)'}: {each['msg']}"
        for each in error.errors()
    )
    return "; ".join(faults)


def _require_trusted(file: Path) -> list[str]:
    """List the types of a skops file that skops leaves to us, all of which must be trusted."""
    try:
        unknown = skops.io.get_untrusted_types(file=file)
    except Exception as error:  # zip, JSON, import and type errors alike
        raise InvalidBundle(f"{file} cannot be read as a skops model: {error}.") from error
    if untrusted := sorted(name for name in unknown if not _is_trusted(name)):
        raise InvalidBundle(
            f"{file.name} holds types that are not scikit-learn's or numpy's own: "
            f"{', '.join(untrusted)}. Loading them could run any code: use estimators of "
            "scikit-learn, and compute features in a function that is given as `features`."
        )
    return list(unknown)


def _is_trusted(name: str) -> bool:
    """Trust classes and array functions of the two packages, not every function of theirs."""
    module, _, attribute = name.rpartition(".")
    parts = module.split(".")
    if parts[0] not in _TRUSTED_PACKAGES or set(parts) & set(_UNTRUSTED_PARTS):
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type | np.ufunc)
