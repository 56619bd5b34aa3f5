"""Open an MLflow client: late, silent about its own set-up, and with telemetry off.

Importing MLflow takes about two seconds, so nothing here imports it before it is needed.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import TYPE_CHECKING

from headrace.errors import SetupError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_QUIET = ("mlflow.store.db.utils", "alembic")
"""Loggers that tell every step of making a new database at level INFO."""


def open_client(tracking_uri: str) -> MlflowClient:
    """Connect to a tracking server or database.

    A new SQLite database is made on its first use, in about three seconds.

    Args:
        tracking_uri: `sqlite:///path/to/file.db`, or the address of a tracking server.

    Raises:
        SetupError: MLflow is not installed.
    """
    # Read by MLflow while it is imported; what the user has set stays.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise SetupError(
            f"MLflow cannot be imported ({error}): pip install 'headrace[registry]'."
        ) from error
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), logging.WARNING))
    with warnings.catch_warnings():
        # MLflow 3 declares its tables with a loader strategy that SQLAlchemy 2.1 deprecates.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
