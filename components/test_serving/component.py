"""KFP component: start a bundle in its real server and try it."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def test_serving(
    bundle: dsl.Input[dsl.Model],
    holdout: dsl.Input[dsl.Dataset],
    page: dsl.Output[dsl.HTML],
    found: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    handler: str = "headrace.serving.server.ModelServer",
    levels: str = "1,2,4,8,16",
    seconds: float = 5.0,
    tolerance: float = 0.0001,
    least_throughput: float = 0.0,
    largest_p95: float = 0.0,
    largest_failed: float = 0.0,
    must_pass: bool = True,
) -> bool:
    """Start a bundle in its real server, send real rows, bad requests and rising load.

    Not to be cached, because it measures. The server is the one that a rollout runs, in the
    serving environment of the image, on this pod alone.

    Args:
        bundle: As the component package writes it.
        holdout: Parquet, rows that the model was not fitted on.
        page: Throughput and latency over concurrency with the knee, and everything that was tried.
        found: The same as JSON.
        metrics: The single numbers.
        handler: The class that serves the bundle, as in spec.model.handler. Where a function
            computes the features: headrace.serving.feature_server.FeatureServer, or your own.
        levels: Requests at a time, one level after the other.
        seconds: Of load at each level; the first fifth is not counted.
        tolerance: Between served and offline answers: of probabilities; of numbers as a share of
            their spread; of labels the share that may differ.
        least_throughput: Answers a second that some level must reach; 0 for none.
        largest_p95: Seconds within which 95 % of that level's answers must be; 0 for none.
        largest_failed: The share of requests that may fail under load.
        must_pass: Fail the task with every reason unless all went as it must; otherwise the answer
            is returned, for a condition of the pipeline.

    Returns:
        Whether everything went as it must.
    """
    from functools import partial
    from pathlib import Path

    from headrace.delivery.serving_test.load import levels_of
    from headrace.delivery.serving_test.trial import Limits, Load, run_serving_test
    from headrace.training.data.table import read_table

    result = run_serving_test(
        Path(bundle.path),
        read_table(Path(holdout.path)),
        handler,
        Load(levels_of(levels), seconds),
        Limits(tolerance, least_throughput, largest_p95, largest_failed),
        partial(print, flush=True),
    )
    Path(page.path).write_text(result.page(), encoding="utf-8")
    Path(found.path).write_text(result.document(), encoding="utf-8")
    for name, value in result.metrics().items():
        metrics.log_metric(name, value)
    if must_pass:
        result.require_pass()
    return result.passed
