from __future__ import annotations

import gzip
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headrace.errors import (
    HeadraceError,
    InvalidData,
    InvalidInput,
    NotFound,
    PlatformUnavailable,
    SetupError,
)
from headrace.training.data.ingest import ingest
from headrace.training.data.location import reading, shown
from headrace.training.data.schema_text import parse_schema
from headrace.training.data.table import describe_table, read_table

CSV = "code,size,when\n007,1.5,2026-01-01T00:00:00Z\n010,NA,2026-01-02T00:00:00Z\n"

Write = Callable[[Path], str]


def plain(folder: Path) -> str:
    (folder / "rows.csv").write_text(CSV)
    return str(folder / "rows.csv")


def as_file_uri(folder: Path) -> str:
    return Path(plain(folder)).as_uri()


def tabs(folder: Path) -> str:
    (folder / "rows.tsv").write_text(CSV.replace(",", "\t"))
    return str(folder / "rows.tsv")


def gzipped(folder: Path) -> str:
    (folder / "rows #1.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    return str(folder / "rows #1.csv.gz")


def zipped(folder: Path) -> str:
    with zipfile.ZipFile(folder / "rows.csv.zip", "w") as archive:
        archive.writestr("rows.csv", CSV)
    return str(folder / "rows.csv.zip")


def two_files(folder: Path) -> str:
    head, first, second = CSV.splitlines()
    (folder / "a.csv").write_text(f"{head}\n{first}\n")
    (folder / "b.csv").write_text(f"{head}\n{second}\n")
    return str(folder / "*.csv")


SCHEMA = parse_schema(
    """
task: regression
target: size
columns:
- {name: code, type: string}
- {name: size, type: number}
- {name: when, type: instant}
"""
)


@pytest.mark.parametrize("write", [plain, as_file_uri, tabs, gzipped, zipped, two_files])
def test_files_of_any_packing_give_the_same_rows(tmp_path: Path, write: Write) -> None:
    source = tmp_path / "source"
    source.mkdir()
    found = ingest(tmp_path / "t", {"rows": write(source)}, schema=SCHEMA)
    assert found.table.rows == 2
    assert found.table == describe_table(tmp_path / "t")
    rows = read_table(tmp_path / "t")
    assert rows["code"].tolist() == ["007", "010"]
    assert rows["size"].isna().tolist() == [False, True]
    assert rows["when"].tolist() == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    assert found.metadata()["source"].startswith("rows=")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_read_by_its_name_and_not_by_what_it_would_match(
    tmp_path: Path, kind: str
) -> None:
    for number, name in enumerate(["rows1", "rows[1]", "rows?", "rows*"]):
        frame = pd.DataFrame({"x": [number]})
        path = tmp_path / f"{name}.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    ingest(tmp_path / "t", {"rows": str(tmp_path / f"rows*.{kind}")}, "SELECT * FROM rows")
    assert sorted(read_table(tmp_path / "t")["x"]) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_folders_around_a_file_are_no_columns(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "year=2024" / "month=1"
    folder.mkdir(parents=True)
    frame = pd.DataFrame({"x": [1], "year": [1999]})
    path = folder / f"rows.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    ingest(tmp_path / "t", {"rows": str(path)})
    assert read_table(tmp_path / "t").to_dict("list") == {"x": [1], "year": [1999]}


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2], "t": pd.to_datetime(["2026-01-01", None], utc=True)})
    frame.to_parquet(tmp_path / "in.parquet")
    ingest(tmp_path / "out", {"rows": str(tmp_path / "in.parquet")})
    assert str(read_table(tmp_path / "out")["t"].dtype).endswith("UTC]")


def test_a_file_over_http(tmp_path: Path, http: Callable[[Path], str]) -> None:
    plain(tmp_path)
    address = http(tmp_path)
    found = ingest(tmp_path / "t", {"rows": f"{address}/rows.csv"})
    assert found.table.rows == 2
    assert ingest(tmp_path / "t", {"rows": f"{address}/rows.csv?key=secret"}).table.rows == 2
    with pytest.raises(NotFound, match="There is no file at http"):
        ingest(tmp_path / "t", {"rows": f"{address}/none.csv"})
    with pytest.raises(PlatformUnavailable, match="Connect call failed") as raised:
        ingest(tmp_path / "t", {"rows": "http://127.0.0.1:1/rows.csv?key=secret"})
    assert "secret" not in str(raised.value)


@pytest.fixture
def http() -> Iterator[Callable[[Path], str]]:
    servers = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_file_that_a_package_ships(tmp_path: Path) -> None:
    uri = "python://sklearn/datasets/data/iris.csv"
    assert ingest(tmp_path / "t", {"iris": uri}).table.rows == 150


def test_the_same_sources_and_query_give_the_same_digest(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"g": random.integers(0, 200_000, 600_000), "x": random.random(600_000)})
    frame.to_parquet(tmp_path / "a.parquet")
    query = "SELECT g, sum(x) AS x FROM a GROUP BY g"
    sources = {"a": str(tmp_path / "a.parquet")}
    found = {ingest(tmp_path / "t", sources, query).table.digest for _ in range(4)}
    assert len(found) == 1


def test_a_query_joins_sources_with_parameters(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("k,x\n1,10\n2,20\n3,30\n")
    (tmp_path / "b.csv").write_text("k,y\n1,a\n3,c\n")
    sources = {"a": str(tmp_path / "a.csv"), "b": str(tmp_path / "b.csv")}
    query = "SELECT a.k, x, y FROM a LEFT JOIN b USING (k) WHERE x >= $least ORDER BY x"
    ingest(tmp_path / "t", sources, query, {"least": 20})
    rows = read_table(tmp_path / "t")
    assert rows["k"].tolist() == [2, 3]
    assert rows["y"].fillna("none").tolist() == ["none", "c"]


@pytest.fixture
def shop(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute('CREATE TABLE "all orders" (id INTEGER, price REAL, note TEXT)')
        rows = [(i, None if i == 0 else i / 2, "x" if i % 2 else None) for i in range(60_000)]
        connection.executemany('INSERT INTO "all orders" VALUES (?, ?, ?)', rows)
    connection.close()
    return f"sqlite:///{tmp_path / 'shop.db'}"


def test_a_database_s_table_is_read_in_chunks(tmp_path: Path, shop: str) -> None:
    found = ingest(tmp_path / "t", {"orders": f"{shop}#all orders"})
    assert found.table.rows == 60_000
    assert read_table(tmp_path / "t")["price"].isna().sum() == 1


def test_a_database_runs_the_query_of_the_only_source(tmp_path: Path, shop: str) -> None:
    query = 'SELECT id FROM "all orders" WHERE id < :most'
    assert ingest(tmp_path / "t", {"o": shop}, query, {"most": 7}).table.rows == 7


def test_a_database_s_whole_url_is_of_the_environment(
    tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", shop)
    assert ingest(tmp_path / "t", {"o": "$SHOP_URL#all orders"}).table.rows == 60_000
    assert ingest(tmp_path / "t", {"o": "$SHOP_URL"}, "SELECT 1 AS x").sources == "o=$SHOP_URL"


def test_a_password_of_the_environment_may_have_a_hash(
    tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.db").rename(tmp_path / "shop#1.db")
    monkeypatch.setenv("SHOP", shop.replace("shop.db", "shop#1.db"))
    assert ingest(tmp_path / "t", {"o": "$SHOP#all orders"}).table.rows == 60_000


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no file at sqlite:.*none\.db#orders"):
        ingest(tmp_path / "t", {"orders": f"sqlite:///{tmp_path}/none.db#orders"})
    assert list(tmp_path.iterdir()) == []


def test_columns_of_a_database_that_share_a_name_are_refused(tmp_path: Path, shop: str) -> None:
    query = 'SELECT a.id, b.id FROM "all orders" a, "all orders" b LIMIT 1'
    with pytest.raises(InvalidData, match=r"The columns id of sqlite.* are there twice"):
        ingest(tmp_path / "t", {"o": shop}, query)


def test_a_database_beside_a_file(tmp_path: Path, shop: str) -> None:
    (tmp_path / "ids.csv").write_text("id\n5\n6\n")
    sources = {"o": f"{shop}#all orders", "ids": str(tmp_path / "ids.csv")}
    assert ingest(tmp_path / "t", sources, "SELECT * FROM o JOIN ids USING (id)").table.rows == 2


def test_passwords_are_of_the_environment_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_FOLDER", str(tmp_path))
    plain(tmp_path)
    found = ingest(tmp_path / "t", {"rows": "$SHOP_FOLDER/rows.csv"})
    assert found.sources == "rows=$SHOP_FOLDER/rows.csv"
    with pytest.raises(HeadraceError) as raised:
        ingest(tmp_path / "t", {"rows": "postgresql+psycopg://me:secret@127.0.0.1:1/shop#orders"})
    assert "secret" not in str(raised.value)
    assert "me:***@127.0.0.1" in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        pytest.param("pg://me:a/b@host/shop", "pg://me:***@host/shop", id="a slash"),
        pytest.param("pg://me:a@b@host/shop", "pg://me:***@host/shop", id="an at"),
        pytest.param("pg://host:5432/shop", "pg://host:5432/shop", id="a port"),
        pytest.param("https://host:80/a@b.csv?key=1", "https://host:80/a@b.csv", id="a path"),
        pytest.param("zip://a.csv::s3://me:pw@b/c", "zip://a.csv::s3://me:***@b/c", id="a chain"),
    ],
)
def test_a_uri_is_shown_without_its_secrets(uri: str, says: str) -> None:
    assert shown(uri) == says


def test_what_a_store_says_is_told_without_secrets() -> None:
    with pytest.raises(PlatformUnavailable) as raised, reading("https://host/a.csv?key=secret"):
        raise RuntimeError("403, url='https://me:secret@host/a.csv?key=secret'")
    assert str(raised.value).endswith("403, url='https://me:***@host/a.csv'.")


ONE = "SELECT * FROM rows"


@pytest.mark.parametrize(
    ("sources", "query", "kind", "says"),
    [
        pytest.param({}, "", InvalidInput, "There are no sources", id="nothing"),
        pytest.param(
            {"a": "{0}/rows.csv", "b": "{0}/rows.csv"},
            "",
            InvalidInput,
            "2 sources .* no query",
            id="two sources and no query",
        ),
        pytest.param({"rows": "{0}/none.csv"}, "", NotFound, "no file at", id="no file"),
        pytest.param({"rows": "{0}/*.none.csv"}, "", NotFound, "no file at", id="an empty glob"),
        pytest.param({"rows": "{0}/notes.txt"}, "", InvalidInput, "kinds .txt", id="no data"),
        pytest.param(
            {"rows": "{0}/empty.csv"}, "", InvalidData, "give no rows", id="an empty file"
        ),
        pytest.param({"rows": "{0}/header.csv"}, "", InvalidData, "give no rows", id="a header"),
        pytest.param(
            {"rows": "{0}/bad.parquet"}, "", InvalidData, "cannot be read", id="no Parquet"
        ),
        pytest.param({"rows": "s3://bucket/a.csv"}, "", SetupError, "s3fs", id="no reader of S3"),
        pytest.param({"rows": "foo://a.csv"}, "", InvalidInput, "cannot be opened", id="no scheme"),
        pytest.param(
            {"rows": "python://no_such_package/a.csv"},
            "",
            SetupError,
            "pip install no_such_package",
            id="no package",
        ),
        pytest.param(
            {"rows": "python://__main__/a.csv"}, "", SetupError, "not installed", id="no module"
        ),
        pytest.param(
            {"rows": "python://headrace/{0}/rows.csv"},
            "",
            InvalidInput,
            "names no file",
            id="a file of no package",
        ),
        pytest.param(
            {"rows": "{0}/two.csv.zip"}, "", InvalidInput, "holds 2 files", id="two in a ZIP"
        ),
        pytest.param(
            {"rows": "{0}/none.csv.zip"}, "", InvalidInput, "holds 0 files", id="an empty ZIP"
        ),
        pytest.param({"rows": "{0}/bad.csv.zip"}, "", InvalidInput, "is no ZIP", id="no ZIP"),
        pytest.param(
            {"rows": "{0}/rows.csv.zst"}, "", SetupError, "install zstandard", id="no zstandard"
        ),
        pytest.param(
            {"rows": "python://headrace/../a.csv"},
            "",
            InvalidInput,
            "names no file",
            id="out of the package",
        ),
        pytest.param(
            {"rows": "python://headrace/a.csv"},
            "",
            NotFound,
            "has no file a.csv",
            id="no file of the package",
        ),
        pytest.param(
            {"rows": "sqlite:///{0}/x.db"},
            "",
            InvalidInput,
            "not what to read",
            id="a database without a table",
        ),
        pytest.param(
            {"rows": "sqlite:///{0}/x.db#t"}, "", InvalidInput, "no such table", id="no such table"
        ),
        pytest.param(
            {"rows": "postgresql+psycopg://me:pw@host:port/shop#t"},
            "",
            InvalidInput,
            "is no database URL",
            id="no port",
        ),
        pytest.param({"rows": "a.b.c://d/e.csv"}, "", InvalidInput, "cannot be opened", id="dots"),
        pytest.param(
            {"rows": "{0}/rows.csv"}, "SELECT", InvalidInput, "refused", id="half a query"
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            "SELECT colour FROM rows",
            InvalidInput,
            "colour",
            id="an unknown column",
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            f"{ONE}; {ONE}",
            InvalidInput,
            "no single SELECT",
            id="two queries",
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            "COPY rows TO '{0}/x.csv'",
            InvalidInput,
            "no single SELECT",
            id="a query that writes",
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            "SELECT * FROM read_csv('{0}/header.csv')",
            InvalidInput,
            "Permission",
            id="a query that reads another file",
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            "SELECT * FROM 'http://127.0.0.1:9/a.csv'",
            InvalidInput,
            "Permission",
            id="a query that asks the network",
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            f"{ONE} WHERE size > 5",
            InvalidData,
            "no rows with this query",
            id="a query without a result",
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            f"{ONE} WHERE size > $x",
            InvalidInput,
            "parameters: x",
            id="a parameter without a value",
        ),
        pytest.param(
            {"rows": "{0}/rows.csv"},
            "SELECT CAST(code AS DATE) AS d FROM rows",
            InvalidData,
            "Conversion",
            id="a conversion that is none",
        ),
    ],
)
def test_what_cannot_be_ingested(
    tmp_path: Path, sources: dict[str, str], query: str, kind: type[HeadraceError], says: str
) -> None:
    plain(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "bad.parquet").write_text("PAR0")
    (tmp_path / "x.db").touch()
    (tmp_path / "bad.csv.zip").write_text("PK")
    (tmp_path / "rows.csv.zst").write_text("")
    for name, files in (("two", ("a.csv", "b.csv")), ("none", ())):
        with zipfile.ZipFile(tmp_path / f"{name}.csv.zip", "w") as archive:
            for file in files:
                archive.writestr(file, CSV)
    given = {name: uri.replace("{0}", str(tmp_path)) for name, uri in sources.items()}
    with pytest.raises(kind, match=says):
        ingest(tmp_path / "t", given, query.replace("{0}", str(tmp_path)))
    assert not (tmp_path / "t").exists()


def test_a_late_row_that_breaks_the_query_is_bad_data(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(map(str, range(300_000))) + "\nmany\n")
    with pytest.raises(InvalidData, match="Could not convert string 'many'"):
        ingest(tmp_path / "t", {"a": str(tmp_path / "a.csv")}, "SELECT x::INTEGER AS x FROM a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_column_of_mixed_types_is_read_as_text(tmp_path: Path) -> None:
    lines = [str(number) for number in range(30_000)] + ["many"]
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(lines))
    ingest(tmp_path / "t", {"a": str(tmp_path / "a.csv")})
    assert read_table(tmp_path / "t")["x"].tolist() == lines
