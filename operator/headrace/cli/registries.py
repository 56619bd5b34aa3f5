"""The registry that a person names on the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.registry import Registry

_TRIES = "2"
"""MLflow itself tries seven times again, which takes minutes: right for a pipeline at night, and
too long for somebody who waits for an answer."""


def registry_of(uri: str) -> Registry:
    """Give a registry that says soon that it does not answer.

    Args:
        uri: As `Registry` takes it.

    Raises:
        InvalidInput: It is none.
    """
    # MLflow takes seconds to import, and only who names a registry needs it.
    from headrace.registry import Registry

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _TRIES)
    return Registry(uri)
