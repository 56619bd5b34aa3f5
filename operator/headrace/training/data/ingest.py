"""Bring rows from where they are into one Parquet file, in bounded memory.

Files become tables of DuckDB, and one query joins and selects from them. The query runs without
access to the network and to any file but the sources.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from headrace.errors import HeadraceError, InvalidData, InvalidInput, PlatformUnavailable
from headrace.training.data.databases import is_database, read_database
from headrace.training.data.location import literal, local_files, shown
from headrace.training.data.schema import DataSchema
from headrace.training.data.table import BATCH_ROWS, Table, write_batches

MEMORY = "512MB"
"""What DuckDB may hold; it spills to the disk beyond."""

MISSING = ("", "NA", "NaN", "nan", "null", "NULL")
"""What stands for a missing value in a CSV file."""

_REFUSALS = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.PermissionException,
    duckdb.InvalidInputException,
)
"""What is wrong with a query, and not with the data that it reads."""


@dataclass(frozen=True)
class Ingested:
    """What was stored.

    Attributes:
        table: The rows.
        sources: Where they came from, without passwords, as `name=uri`.
    """

    table: Table
    sources: str

    def metadata(self) -> dict[str, str]:
        """Give what goes into an artifact's metadata."""
        return {**self.table.metadata(), "source": self.sources}


def ingest(
    target: Path,
    sources: Mapping[str, str],
    query: str = "",
    parameters: Mapping[str, Any] | None = None,
    schema: DataSchema | None = None,
    missing: Sequence[str] = MISSING,
) -> Ingested:
    """Store rows as Parquet. The same sources give the same digest.

    Args:
        target: The file to write; replaced if it is there.
        sources: URIs by the name under which the query knows them; see `local_files` and
            `read_database`.
        query: One SELECT in DuckDB's SQL; empty takes all rows of the only source. If the only
            source is a database without a table in its URI, the database itself runs the query.
        parameters: Values for `$name` (`:name` in a database) in the query.
        schema: Its texts, categories and instants are read as texts from CSV, so that a code such
            as 007 keeps its zeros.
        missing: What stands for a missing value in a CSV file.

    Raises:
        InvalidInput: There is no source, one is of no known kind, or the query is refused.
        InvalidData: The query gives no rows, or values that cannot be stored.
        NotFound: A source is not there.
        SetupError: What reads a source is not installed.
        PlatformUnavailable: A source does not answer, or the disk is full.
    """
    if not sources:
        raise InvalidInput("There are no sources; expected at least one as name and URI.")
    given = dict(parameters or {})
    with tempfile.TemporaryDirectory(prefix="headrace-ingest-") as folder:
        files, rest = _files(sources, Path(folder), query, given)
        with closing(duckdb.connect()) as database:
            try:
                _open(database, files, Path(folder), schema, missing)
                if rest:
                    # With more, groups come in another order, and sums have other last digits.
                    database.execute("SET threads=1")
                database.execute("SET lock_configuration=true")
                table = _select(database, target, rest or _everything(files), given if rest else {})
            except duckdb.OutOfMemoryException as error:
                raise InvalidInput(
                    f"The query needs more than {MEMORY} of memory: {_said(error)}."
                ) from error
            except duckdb.Error as error:
                raise InvalidData(f"The sources cannot be read: {_said(error)}.") from error
    if table.rows == 0:
        target.unlink()
        raise InvalidData(
            f"{_named(sources)} give no rows" + (" with this query." if query else ".")
        )
    return Ingested(table, _named(sources))


def _files(
    sources: Mapping[str, str], folder: Path, query: str, parameters: Mapping[str, Any]
) -> tuple[dict[str, list[Path]], str]:
    """Bring all sources here; give the query that is left for DuckDB, too."""
    files: dict[str, list[Path]] = {}
    for number, (name, uri) in enumerate(sources.items()):
        place = folder / f"source-{number}"
        if not is_database(uri):
            files[name] = local_files(uri, place)
        elif len(sources) == 1 and "#" not in uri:
            files[name], query = read_database(uri, place, query, parameters), ""
        else:
            files[name] = read_database(uri, place)
    return files, query


def _everything(files: Mapping[str, object]) -> str:
    if len(files) > 1:
        raise InvalidInput(
            f"There are {len(files)} sources ({', '.join(files)}) and no query that joins them."
        )
    (name,) = files
    return f"SELECT * FROM {_identifier(name)}"  # noqa: S608, the name is quoted


def _open(
    database: duckdb.DuckDBPyConnection,
    files: Mapping[str, Sequence[Path]],
    folder: Path,
    schema: DataSchema | None,
    missing: Sequence[str],
) -> None:
    database.execute(f"SET memory_limit='{MEMORY}'")
    database.execute("SET TimeZone='UTC'")
    database.execute("SET enable_progress_bar=false")  # it would be drawn into the task's log
    database.execute("SET autoinstall_known_extensions=false")
    database.execute(f"SET temp_directory={_text(str(folder / 'spill'))}")
    for name, paths in files.items():
        listed = f"[{', '.join(_text(literal(path)) for path in paths)}]"
        # The rows are those of the file, whatever the folders around it are called.
        listed += ", hive_partitioning=false"
        if paths[0].suffix == ".parquet":
            reader = f"read_parquet({listed}, union_by_name=true)"
        else:
            # The types are those of all rows, not of the first ones.
            nulls = f"[{', '.join(map(_text, missing))}]"
            options = f"{listed}, header=true, sample_size=-1, nullstr={nulls}, union_by_name=true"
            if paths[0].suffix == ".tsv":
                options += ", delim='\t'"
            reader = f"read_csv({options}{_types(database, options, schema)})"
        # A view of a CSV file would look for its types again with every query.
        kind = "VIEW" if paths[0].suffix == ".parquet" else "TABLE"
        database.execute(f"CREATE {kind} {_identifier(name)} AS SELECT * FROM {reader}")  # noqa: S608
    # DuckDB asks for a path as it is written, and again for the file that it means.
    allowed = ", ".join(
        _text(name)
        for paths in files.values()
        for path in paths
        for name in (literal(path), str(path))
    )
    database.execute(f"SET allowed_paths=[{allowed}]")
    database.execute("SET enable_external_access=false")


def _types(database: duckdb.DuckDBPyConnection, options: str, schema: DataSchema | None) -> str:
    """Ask for text where the schema has text, among the columns that the file has."""
    if schema is None:
        return ""
    texts = {c.name for c in schema.columns if c.type in ("string", "category", "instant")}
    described = database.execute(f"DESCRIBE SELECT * FROM read_csv({options})").fetchall()  # noqa: S608
    wanted = [f"{_text(row[0])}: 'VARCHAR'" for row in described if row[0] in texts]
    return f", types={{{', '.join(wanted)}}}" if wanted else ""


def _select(
    database: duckdb.DuckDBPyConnection, target: Path, query: str, parameters: Mapping[str, Any]
) -> Table:
    try:
        statements = database.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InvalidInput(
                "The query is no single SELECT; expected one, as in SELECT * FROM a."
            )
        unknown = sorted(set(parameters) - statements[0].named_parameters)
        if unknown:
            raise InvalidInput(f"The query has no parameter ${', $'.join(unknown)}.")
        result = database.sql(query, params=dict(parameters))
        reader: pa.RecordBatchReader = result.to_arrow_reader(BATCH_ROWS)
    except _REFUSALS as error:
        raise InvalidInput(f"The query is refused: {_said(error)}.") from error
    return write_batches(target, reader.schema, _read(reader))


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Give the rows; what is wrong with one of the later ones is no fault of the disk."""
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:
        raise _error(error) from error


def _error(error: Exception) -> HeadraceError:
    """Say by DuckDB's words, which is all that Arrow passes on, whose fault an error is."""
    said = _said(error)
    if said.startswith("Out of Memory Error"):
        return InvalidInput(f"The query needs more than {MEMORY} of memory: {said}.")
    if said.startswith("IO Error"):
        return PlatformUnavailable(f"The sources cannot be read: {said}.")
    return InvalidData(f"The sources cannot be read: {said}.")


def _named(sources: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={shown(uri)}" for name, uri in sources.items())


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
