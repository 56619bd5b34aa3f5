"""The class that serves a bundle whose inputs are computed by a function of the user's.

The bundle's metadata names the function and what requests carry, as `package` wrote them there; the
function's own package must be installed where models are served. Naming this class as the handler
is what allows the import: the default handler imports nothing that a bundle names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.serving.features import feature_function, request_columns
from headrace.serving.refusal import refusing
from headrace.serving.request import Cell, Columns
from headrace.serving.server import ModelServer


class FeatureServer(ModelServer):
    """Computes a model's inputs by the function that computed them in training."""

    def __init__(self) -> None:
        super().__init__()
        with refusing():
            signature = self._bundle.signature
            self.request_columns = request_columns(signature)  # type: ignore[misc]
            self._features = feature_function(signature)

    def transform(self, columns: Columns) -> Mapping[str, Sequence[Cell]]:
        """See `ModelServer.transform`."""
        return self._features(columns)
