"""KFP component: read the flights of a window, with the weather of their hour."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def ingest(
    train_from: str,
    train_until: str,
    flights: dsl.Output[dsl.Dataset],
) -> int:
    """Read the flights of a window of days, with the weather of their hour.

    Not to be cached: a data set may grow under the same parameters.

    Args:
        train_from: First day of the window, such as 2013-01-01.
        train_until: Day after the last one.
        flights: Parquet, one row a flight that arrived, in the order of scheduled departure.

    Returns:
        How many flights there are.
    """
    from pathlib import Path

    from headrace.training.ingest import ingest
    from headrace.training.window import Window

    result = ingest(Path(flights.path), Window.parse(train_from, train_until))
    flights.metadata["rows"] = str(result.rows)
    flights.metadata["cancelled"] = str(result.cancelled)
    flights.metadata["without_weather"] = str(result.without_weather)
    flights.metadata["source_digest"] = result.source_digest
    return result.rows
