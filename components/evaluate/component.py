"""KFP component: score a model on the holdout, beside the champion."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def evaluate(
    model: dsl.Input[dsl.Model],
    holdout: dsl.Input[dsl.Dataset],
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    auc: dsl.OutputPath(float),  # type: ignore[valid-type]
    brier: dsl.OutputPath(float),  # type: ignore[valid-type]
    feature_set: str = "schedule-and-weather",
    minimum_auc: float = 0.6,
    registry_uri: str = "",
    model_name: str = "",
) -> bool:
    """Score a model on the holdout and say whether it may be rolled out.

    Args:
        model: As the component train writes it.
        holdout: Parquet, as the component split writes it.
        evaluation: JSON with scores, calibration, the champion's scores and the judgement.
        metrics: The single numbers.
        auc: Area under the ROC curve on the holdout.
        brier: Brier score on the holdout.
        feature_set: What the model reads: schedule, or schedule-and-weather.
        minimum_auc: The smallest area under the ROC curve that passes.
        registry_uri: Where the champion is looked up; empty compares with none.
        model_name: The champion's name.

    Returns:
        Whether the model may be rolled out.
    """
    import json
    from pathlib import Path

    from headrace.registry.champion import champion_bundle
    from headrace.training.evaluate import evaluate
    from headrace.training.flights import feature_set as find
    from headrace.training.ingest import read_rows
    from headrace.training.model_file import read_model

    champion = champion_bundle(registry_uri, model_name) if registry_uri else None
    result = evaluate(
        read_model(Path(model.path)),
        find(feature_set),
        read_rows(Path(holdout.path)),
        minimum_auc,
        champion,
    )
    print(result.message)
    Path(evaluation.path).write_text(json.dumps(result.to_document(), indent=2), encoding="utf-8")
    for name, value in result.scores.numbers().items():
        metrics.log_metric(name, value)
    Path(auc).write_text(repr(result.scores.auc), encoding="utf-8")
    Path(brier).write_text(repr(result.scores.brier), encoding="utf-8")
    return result.passed
