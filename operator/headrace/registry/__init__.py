"""Where packaged models are listed, and which of them is champion and challenger."""

from headrace.registry.mlflow_registry import (
    CHALLENGER,
    CHAMPION,
    RegisteredVersion,
    Registry,
)

__all__ = ["CHALLENGER", "CHAMPION", "RegisteredVersion", "Registry"]
