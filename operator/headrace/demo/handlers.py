"""The classes that serve the demo's model, in the serving environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.demo.features import REQUEST_COLUMNS, compute_features
from headrace.demo.rewritten import compute_features_rewritten
from headrace.serving.request import Cell, Columns
from headrace.serving.server import ModelServer


class FlightDelay(ModelServer):
    """Computes the features with the code that training used."""

    request_columns = REQUEST_COLUMNS

    def transform(self, columns: Columns) -> Mapping[str, Sequence[Cell]]:
        """See `ModelServer.transform`."""
        return compute_features(columns)


class FlightDelayRewritten(ModelServer):
    """Release 3: computes the features with code of its own, which is wrong in three ways."""

    request_columns = REQUEST_COLUMNS

    def transform(self, columns: Columns) -> Mapping[str, Sequence[Cell]]:
        """See `ModelServer.transform`."""
        return compute_features_rewritten(columns)
