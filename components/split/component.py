"""KFP component: divide a data set into rows to learn from and rows to be judged by."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def split(
    data: dsl.Input[dsl.Dataset],
    schema: str,
    train: dsl.Output[dsl.Dataset],
    holdout: dsl.Output[dsl.Dataset],
    method: str = "auto",
    share: float = 0.2,
    last: str = "",
    seed: int = 0,
) -> str:
    """Divide a data set, and check that nothing leaks from one side to the other.

    Args:
        data: Parquet, as the component ingest writes it.
        schema: The data schema in YAML.
        train: Parquet, the rows to learn from, in the order of the data.
        holdout: Parquet, the rows to be judged by.
        method: random; stratified, with equal shares of each label; grouped, with each group on
            one side; time, with the latest rows held out. auto takes grouped where the schema
            names a group, else time where it names a time, else stratified for classes.
        share: Of the rows that are held out, above 0 and below 1.
        last: Of a split by time: how much time is held out instead, such as 14d.
        seed: Of the draw; the same gives the same sides.

    Returns:
        Of a split by time the earliest instant of the holdout, ISO 8601; else empty.
    """
    from pathlib import Path

    from headrace.training.data.schema_text import parse_schema
    from headrace.training.data.split import split

    result = split(
        Path(data.path),
        parse_schema(schema),
        Path(train.path),
        Path(holdout.path),
        method,  # type: ignore[arg-type]
        share,
        last,
        seed,
    )
    for artifact, table in ((train, result.train), (holdout, result.holdout)):
        artifact.metadata.update(table.metadata())
        artifact.metadata["source"] = data.metadata.get("source", "")
        artifact.metadata["method"] = result.method
    return result.boundary
