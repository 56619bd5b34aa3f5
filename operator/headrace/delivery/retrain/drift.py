"""How far rows are from those that the champion was fitted on, as its server would count."""

from __future__ import annotations

from pathlib import Path

from headrace.delivery.batch.tallies import Drift, Tallies
from headrace.errors import InvalidBundle, InvalidInput
from headrace.serving.bundle import Bundle
from headrace.serving.runtimes import load_model
from headrace.training.data.schema import DataSchema
from headrace.training.data.table import read_table
from headrace.training.model.columns import inputs_of, request_of
from headrace.training.packaging.parity import spread

_ROWS = 100_000
"""Rows that are enough for a distribution."""


def drifts_of(rows: Path, schema: DataSchema, champion: Bundle, limit: float) -> tuple[Drift, ...]:
    """Compare rows, and what the champion answers to them, with its bundle's reference.

    Args:
        rows: Parquet.
        schema: Theirs.
        champion: What has the users.
        limit: The population stability index above which something has drifted, > 0.

    Raises:
        InvalidInput: The limit is not positive.
        InvalidData: The rows lack a column that the champion reads.
        InvalidBundle: The champion does not answer them.
    """
    if not limit > 0:
        raise InvalidInput(f"drift_limit is {limit}; expected a number above 0, such as 0.25.")
    signature = champion.signature
    columns = schema.request_columns
    table = read_table(rows, [column.name for column in columns])
    request = spread(request_of(table, columns), _ROWS)
    inputs = inputs_of(request, signature.metadata.get("features", ""), signature.inputs)
    tallies = Tallies(champion.reference)
    try:
        found = load_model(champion).predict(inputs)
    except Exception as error:  # a model is foreign code, which may raise anything
        raise InvalidBundle(
            f"The champion {signature.name} {signature.version} does not answer today's rows: "
            f"{error}"
        ) from error
    tallies.add(inputs, list(found))
    return tallies.drifts(limit)
