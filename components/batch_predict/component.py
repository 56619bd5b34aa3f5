"""KFP component: predict a whole table with a bundle, partition by partition."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def batch_predict(
    bundle: dsl.Input[dsl.Model],
    rows: dsl.Input[dsl.Dataset],
    predictions: dsl.Output[dsl.Dataset],
    page: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    target: str = "",
    keys: list[str] = [],  # noqa: B006, KFP stores the default and never changes it
    partition_rows: int = 100000,
    largest_failed: float = 0.0,
    own_folder: bool = False,
) -> list[str]:
    """Predict a whole table with the bundle that is served otherwise, partition by partition.

    A run that was interrupted goes on with the first partition that is not done, where the target
    outlives the task. What is read and answered is counted in the bins of the model server, so
    drift is judged as that of live traffic is.

    Args:
        bundle: As the component package writes it.
        rows: Parquet, with the columns of a request.
        predictions: A folder of Parquet files: the keys, prediction, model_version, and fault where
            there is no prediction.
        page: Drift of each input and of the predictions, and what was wrong with rows.
        metrics: Rows, and the stability index of the predictions and of the worst input.
        target: Where the partitions go: s3://, gs://, file:// or a path, a folder of its own for
            each batch; empty for the artifact itself, which a retry begins anew.
        keys: Columns that are copied beside the predictions, to know whose they are.
        partition_rows: Rows of a partition: what is in memory, and what a crash costs.
        largest_failed: The share of rows that may have no prediction, because a value is none that
            a request could carry.
        own_folder: Whether each batch has a folder of its own below the target, named by the
            bundle and the rows: for a schedule.

    Returns:
        The names of what has drifted: inputs, or prediction.
    """
    from functools import partial
    from pathlib import Path

    from headrace.delivery.batch.predict import Batch, batch_predict

    found = batch_predict(
        Path(bundle.path),
        Batch(Path(rows.path), tuple(keys), partition_rows, largest_failed, own_folder),
        target or predictions.path,
        partial(print, flush=True),
    )
    if target:
        predictions.uri = found.uri
    predictions.metadata["rows"] = str(found.rows)
    predictions.metadata["partitions"] = str(found.partitions)
    predictions.metadata["model_version"] = found.version
    predictions.metadata["digest"] = found.digest
    predictions.metadata["data_digest"] = found.data_digest
    Path(page.path).write_text(found.page(), encoding="utf-8")
    for name, value in found.metrics().items():
        metrics.log_metric(name, value)
    return list(found.drifted)
