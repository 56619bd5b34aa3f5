"""KFP component: package a model as a bundle with ONNX, signature and card."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def package(
    model: dsl.Input[dsl.Model],
    train: dsl.Input[dsl.Dataset],
    holdout: dsl.Input[dsl.Dataset],
    bundle: dsl.Output[dsl.Model],
    model_name: str,
    version: str,
    feature_set: str = "schedule-and-weather",
) -> str:
    """Package a model as a bundle; the task fails if ONNX answers other than scikit-learn.

    Args:
        model: As the component train writes it.
        train: Parquet, the flights it was fitted on.
        holdout: Parquet, flights after those.
        bundle: The bundle, a directory.
        model_name: The model's name.
        version: The version's name.
        feature_set: What the model reads: schedule, or schedule-and-weather.

    Returns:
        The bundle's digest, sha256: and 64 hexadecimal digits.
    """
    from pathlib import Path

    from headrace.training.flights import feature_set as find
    from headrace.training.ingest import read_rows
    from headrace.training.model_file import read_model
    from headrace.training.package import Release, package

    digest = package(
        Path(bundle.path),
        Release(model_name, version, {"feature_set": feature_set}),
        read_model(Path(model.path)),
        find(feature_set),
        read_rows(Path(train.path)),
        read_rows(Path(holdout.path)),
    )
    bundle.framework = "onnx"
    bundle.metadata["model_format_name"] = "onnx"
    bundle.metadata["model_name"] = model_name
    bundle.metadata["model_version"] = version
    bundle.metadata["digest"] = digest
    return digest
