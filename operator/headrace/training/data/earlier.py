"""How the last training set was distributed: of its report, or of its rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import fsspec

from headrace.errors import InvalidInput
from headrace.serving.reference import Reference
from headrace.training.data.distributions import measure_columns
from headrace.training.data.location import reading, shown
from headrace.training.data.report import reference_of
from headrace.training.data.schema import DataSchema

_PARQUET = b"PAR1"


def earlier_reference(uri: str, schema: DataSchema) -> Reference:
    """Read how an earlier data set was distributed.

    Args:
        uri: Of a report of `validate_data`, or of a Parquet file; anything that fsspec opens.
        schema: Of the data set.

    Raises:
        NotFound: There is nothing at the uri.
        InvalidInput: It is neither, or a Parquet file without the target.
        SetupError: The package that reads such a URI is not installed.
        PlatformUnavailable: The store does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-earlier-") as folder:
        copy = Path(folder) / "earlier"
        with reading(uri):
            store, path = fsspec.core.url_to_fs(uri)
            store.get_file(path, str(copy))
        if copy.is_dir():
            raise InvalidInput(f"{shown(uri)} is a folder; expected a report, or Parquet.")
        with copy.open("rb") as file:
            is_parquet = file.read(len(_PARQUET)) == _PARQUET
        if not is_parquet:
            text = copy.read_text(encoding="utf-8", errors="replace")
            return reference_of(text, shown(uri))
        measured = measure_columns(copy, schema)
        if measured is None:
            raise InvalidInput(f"The earlier data set at {shown(uri)} lacks {schema.target}.")
        return measured
