"""Where packaged models are listed, and which of them is champion and challenger."""

from headrace.registry.mlflow_registry import RegisteredVersion, Registry
from headrace.registry.names import CHALLENGER, CHAMPION

__all__ = ["CHALLENGER", "CHAMPION", "RegisteredVersion", "Registry"]
