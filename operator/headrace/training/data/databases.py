"""Reads a SQL database in pieces: what SQLAlchemy connects to, into Parquet files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.errors import InvalidData, InvalidInput, NotFound, PlatformUnavailable, SetupError
from headrace.training.data.location import shown

CHUNK_ROWS = 50_000


def is_database(uri: str) -> bool:
    """Say whether a URI is SQLAlchemy's: its scheme names one of the dialects that it knows."""
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    scheme, found, _ = os.path.expandvars(uri).partition("://")
    if not found or not scheme:
        return False
    try:
        registry.load(scheme.replace("+", "."))
    except (ArgumentError, NoSuchModuleError, ValueError):
        return False
    except ImportError:
        return True  # a dialect whose driver is not installed; connecting says so
    return True


def read_database(
    uri: str, folder: Path, query: str = "", parameters: Mapping[str, Any] | None = None
) -> list[Path]:
    """Read a table or the result of a query into Parquet files.

    Args:
        uri: `postgresql+psycopg://user:$PASSWORD@host/shop#orders`: after `#` the table; `$NAME`
            is taken from the environment.
        folder: Where the files go.
        query: One SELECT that the database runs; empty where the URI names a table.
        parameters: Values for `:name` in the query.

    Returns:
        Files of at most `CHUNK_ROWS` rows, in their order; at least one.

    Raises:
        InvalidInput: The URI names no table where there is no query, or the database refuses it.
        InvalidData: A column mixes types, two share a name, or there are no rows.
        NotFound: There is no such file of SQLite.
        SetupError: The database's driver is not installed.
        PlatformUnavailable: The database does not answer.
    """
    import sqlalchemy
    from sqlalchemy import exc

    # Before a password is put in: it may have a # of its own.
    address, table = map(os.path.expandvars, uri.partition("#")[::2])
    try:
        engine = sqlalchemy.create_engine(address)
    except (ImportError, exc.NoSuchModuleError) as error:
        raise SetupError(f"{shown(uri)}: the driver is not installed: {error}.") from error
    except (exc.ArgumentError, ValueError) as error:
        raise InvalidInput(f"{shown(uri)} is no database URL.") from error
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and ":" not in file and not Path(file).exists():
        raise NotFound(f"There is no file at {shown(uri)}.")  # connecting would make one
    if table:
        name = engine.dialect.identifier_preparer.quote(table)
        statement = sqlalchemy.text(f"SELECT * FROM {name}")  # noqa: S608, the name is quoted
    elif query:
        statement = sqlalchemy.text(query)
    else:
        raise InvalidInput(
            f"{shown(uri)} says which database, but not what to read: give a query, or the table "
            "after a #."
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(statement, dict(parameters or {}) if query else {})
            if not result.returns_rows:
                raise InvalidInput(f"{shown(uri)}: the query gives no rows; expected a SELECT.")
            return list(_stored(result, folder, shown(uri)))
    except (exc.ProgrammingError, exc.StatementError) as error:
        raise _error(error, uri) from error
    except exc.SQLAlchemyError as error:
        raise PlatformUnavailable(f"{shown(uri)} cannot be read: {error}.") from error
    finally:
        engine.dispose()


def _error(error: Exception, uri: str) -> InvalidInput | PlatformUnavailable:
    from sqlalchemy import exc

    said = str(getattr(error, "orig", None) or error)
    # SQLite calls a missing table operational, as others call a host that does not answer.
    if isinstance(error, exc.OperationalError) and not uri.startswith("sqlite"):
        return PlatformUnavailable(f"{shown(uri)} cannot be read: {said}.")
    return InvalidInput(f"{shown(uri)} refuses the query: {said}.")


def _stored(result: Any, folder: Path, source: str) -> Iterator[Path]:
    names = list(result.keys())
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidData(
            f"The columns {', '.join(twice)} of {source} are there twice; name each once."
        )
    for number, rows in enumerate(result.partitions(CHUNK_ROWS)):
        columns = {}
        for name, values in zip(names, zip(*rows, strict=True), strict=True):
            try:
                columns[name] = pa.array(values)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise InvalidData(
                    f"The column {name} of {source} mixes types ({error}); cast it in the query."
                ) from error
        file = folder / f"{number:06}.parquet"
        pq.write_table(pa.table(columns), file)
        yield file
    if not any(folder.iterdir()):
        raise InvalidData(f"{source} gives no rows.")
