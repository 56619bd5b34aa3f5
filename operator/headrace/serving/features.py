"""A function of the user's that computes a model's inputs, as a bundle's metadata names it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence

from headrace.errors import InvalidBundle
from headrace.serving.request import Cell, Columns
from headrace.serving.signature import Column, Signature

FEATURES, REQUEST = "features", "request"
"""The names in a signature's metadata: `package.module:function`, and columns as JSON."""

Features = Callable[[Columns], Mapping[str, Sequence[Cell]]]


def request_columns(signature: Signature) -> tuple[Column, ...]:
    """Read what requests carry.

    Raises:
        InvalidBundle: The metadata does not say it.
    """
    try:
        found = json.loads(signature.metadata[REQUEST])
        return tuple(Column(str(c["name"]), c["type"], bool(c["nullable"])) for c in found)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidBundle(
            f"{signature.name} {signature.version} does not say what requests carry "
            f"(metadata.{REQUEST}): package it anew, or serve it with a handler of your own."
        ) from error


def feature_function(signature: Signature) -> Features:
    """Import the function that computes a model's inputs.

    Raises:
        InvalidBundle: The metadata names none, or it cannot be imported here.
    """
    path = signature.metadata.get(FEATURES, "")
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name) if module and name else None
    except (ImportError, AttributeError) as error:
        raise InvalidBundle(
            f"{signature.name} {signature.version} needs {path}, which cannot be imported here: "
            f"{error}. Install its package where models are served."
        ) from error
    if not callable(found):
        raise InvalidBundle(
            f"{signature.name} {signature.version} names no function that computes its inputs "
            f"(metadata.{FEATURES} is {path!r}): the default handler serves it."
        )
    function: Features = found
    return function
