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
    evaluation: dsl.Input[dsl.Artifact],
    bundle: dsl.Output[dsl.Model],
    card: dsl.Output[dsl.HTML],
    model_name: str,
    version: str,
    about: dict[str, str] = {},  # noqa: B006, KFP stores the default and never changes it
    threshold: float = 0.5,
    tolerance: float = 0.0,
) -> str:
    """Package a model as a bundle; the task fails if ONNX answers other than scikit-learn.

    Args:
        model: As the components train and tune write it.
        train: Parquet, the rows it was fitted on.
        holdout: Parquet, rows it was not fitted on: parity is checked on them.
        evaluation: As the component evaluate writes it; its scores go into the card.
        bundle: The bundle, a directory.
        card: The model card for people; the bundle has it, too, as Markdown, HTML and JSON.
        model_name: The model's name.
        version: The version's name.
        about: What only people know, for the card: owner, licence, intended_use, limitations.
        threshold: Of a binary task: a probability above it counts as a positive answer.
        tolerance: Of a regression, in the target's unit: how far apart the answers of two versions
            may be and still agree when live requests are copied; 0 for 1 % of the larger one.

    Returns:
        The bundle's digest, sha256: and 64 hexadecimal digits.
    """
    import json
    from pathlib import Path

    from headrace.training.data.table import read_table
    from headrace.training.packaging.package import Release, package

    packaged = package(
        Path(bundle.path),
        Release(model_name, version, about, threshold, tolerance),
        Path(model.path),
        read_table(Path(train.path)),
        read_table(Path(holdout.path)),
        json.loads(Path(evaluation.path).read_text(encoding="utf-8")),
    )
    Path(card.path).write_text(packaged.page(), encoding="utf-8")
    bundle.framework = "onnx"
    bundle.metadata.update(packaged.metadata())
    return packaged.digest
