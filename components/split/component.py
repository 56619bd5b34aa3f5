"""KFP component: hold out the last days of the flights."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def split(
    flights: dsl.Input[dsl.Dataset],
    train: dsl.Output[dsl.Dataset],
    holdout: dsl.Output[dsl.Dataset],
    holdout_days: int = 14,
) -> str:
    """Hold out the last days of the flights; never a random part.

    Args:
        flights: Parquet, as the component ingest writes it.
        train: Parquet, the flights before the boundary.
        holdout: Parquet, the flights from the boundary on.
        holdout_days: How many days are held out, as New York counts them.

    Returns:
        The boundary, an ISO 8601 instant.
    """
    from pathlib import Path

    from headrace.training.ingest import read_rows
    from headrace.training.split import split_by_time

    result = split_by_time(read_rows(Path(flights.path)), holdout_days)
    result.train.to_parquet(train.path, index=False)
    result.holdout.to_parquet(holdout.path, index=False)
    train.metadata["rows"] = str(len(result.train))
    holdout.metadata["rows"] = str(len(result.holdout))
    return result.boundary
