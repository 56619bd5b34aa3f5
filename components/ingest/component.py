"""KFP component: bring rows from files and databases into one Parquet file."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def ingest(
    sources: dict[str, str],
    data: dsl.Output[dsl.Dataset],
    profile: dsl.Output[dsl.HTML],
    query: str = "",
    parameters: dict[str, object] = {},  # noqa: B006, KFP stores the default and never changes it
    schema: str = "",
) -> int:
    """Bring rows from files and databases into one Parquet file, in bounded memory.

    Not to be cached: what is behind a URI may grow under the same parameters.

    Args:
        sources: URIs by the name under which the query knows them: CSV, TSV or Parquet, also
            packed, at any address that fsspec opens (s3://, gs://, https://, file://, a glob), in
            an installed package (python://package/path), or a database as SQLAlchemy's URL with
            the table after a #. A $NAME is taken from the environment: keep passwords there.
        data: Parquet; the metadata has rows, source, and digest, which is of the content and the
            same for the same rows whatever wrote the file.
        profile: The columns, how they are distributed, and some rows.
        query: One SELECT in DuckDB's SQL; empty takes all rows of the only source. A database that
            is the only source, without a table in its URI, runs the query itself.
        parameters: Values for $name in the query, :name where a database runs it.
        schema: The data schema in YAML; its texts and instants are read as texts from CSV, so that
            a code such as 007 keeps its zeros. Empty takes the types that fit all rows.

    Returns:
        How many rows there are.
    """
    from pathlib import Path

    from headrace.training.data.ingest import ingest
    from headrace.training.data.profile import profile_page
    from headrace.training.data.schema_text import parse_schema

    known = parse_schema(schema) if schema else None
    result = ingest(Path(data.path), sources, query, parameters, known)
    data.metadata.update(result.metadata())
    page = profile_page(result.table, result.sources)
    Path(profile.path).write_text(page, encoding="utf-8")
    return result.table.rows
