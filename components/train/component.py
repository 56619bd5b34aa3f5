"""KFP component: fit a model with a small grid search."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def train(
    train: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    feature_set: str = "schedule-and-weather",
) -> float:
    """Fit gradient-boosted trees; a grid search is judged on the last fifth of the flights.

    Args:
        train: Parquet, as the component split writes it.
        model: The fitted scikit-learn pipeline as a skops file, never a pickle.
        feature_set: What the model reads: schedule, or schedule-and-weather.

    Returns:
        The log loss of the chosen parameters on the last fifth.
    """
    from pathlib import Path

    from headrace.training.flights import feature_set as find
    from headrace.training.ingest import read_rows
    from headrace.training.model_file import write_model
    from headrace.training.train import train as fit

    result = fit(read_rows(Path(train.path)), find(feature_set))
    write_model(Path(model.path), result.pipeline)
    model.framework = "scikit-learn"
    model.metadata["feature_set"] = feature_set
    model.metadata["parameters"] = {name: str(value) for name, value in result.best.items()}
    return min(trial.log_loss for trial in result.trials)
