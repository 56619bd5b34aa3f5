"""KFP component: judge a model on rows that it has not seen, beside the champion."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def evaluate(
    model: dsl.Input[dsl.Model],
    holdout: dsl.Input[dsl.Dataset],
    schema: str,
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
    page: dsl.Output[dsl.HTML],
    headline: dsl.OutputPath(float),  # type: ignore[valid-type]
    gates: str = "",
    segments: list[str] = [],  # noqa: B006, KFP stores the default and never changes it
    threshold: float = 0.5,
    resamples: int = 200,
    seed: int = 0,
    registry_uri: str = "",
    model_name: str = "",
    version: str = "",
) -> bool:
    """Judge a model on rows that it has not seen, and say whether it may be rolled out.

    Not to be cached where a registry is given: its champion changes under the same parameters.

    Args:
        model: As the components train and tune write it.
        holdout: Parquet, rows that it was not fitted on.
        schema: The data schema in YAML.
        evaluation: JSON with scores and their intervals, segments, importance of the inputs, the
            comparison with the champion, the gates and the judgement.
        metrics: The single numbers.
        classification: Of a classification the confusion matrix, of a binary one the ROC curve.
        page: All of it for people, with plots.
        headline: Log loss of a binary task, accuracy of a multiclass one, mean absolute error of a
            regression.
        gates: What must hold, over the scores: auc >= 0.7 and brier <= champion.brier + 0.002 and
            worst.log_loss < 0.6. name.low and name.high are the ends of a score's interval,
            champion. is the model that users have, worst. the worst segment, champion.p_worse how
            likely the new model would look as much worse by chance alone. What names a champion
            holds where there is none. Empty lets every model pass.
        segments: Columns by whose values the rows are cut; the worst segment is named.
        threshold: Of a binary task: a probability above it is a positive answer.
        resamples: For the intervals of the scores; 0 for none.
        seed: Of everything random.
        registry_uri: Where the champion is looked up; empty compares with none.
        model_name: The champion's name.
        version: What the model is going to be called: one that does not pass is remembered in the
            registry under this name, so that retrain_due does not have it made again.

    Returns:
        Whether every gate holds.
    """
    import json
    from pathlib import Path

    from headrace.registry import Registry
    from headrace.registry.champion import champion_bundle
    from headrace.registry.rejections import remember_rejection
    from headrace.training.data.schema_text import parse_schema
    from headrace.training.data.table import read_table
    from headrace.training.evaluation.evaluate import Criteria, evaluate
    from headrace.training.evaluation.figures import roc_points
    from headrace.training.evaluation.page import evaluation_page
    from headrace.training.evaluation.scores import HEADLINE
    from headrace.training.model.fitted import read_fitted

    criteria = Criteria(gates, tuple(segments), threshold, resamples, seed)
    champion = champion_bundle(registry_uri, model_name) if registry_uri else None
    result = evaluate(
        read_fitted(Path(model.path)),
        read_table(Path(holdout.path)),
        parse_schema(schema),
        criteria,
        champion,
    )
    print(result.message())
    if registry_uri and version and not result.passed:
        numbers = {name: score.value for name, score in result.scores.items()}
        remember_rejection(Registry(registry_uri), model_name, version, result.message(), numbers)
    Path(evaluation.path).write_text(json.dumps(result.to_document(), indent=2), encoding="utf-8")
    title = f"Evaluation of {model_name}" if model_name else "Evaluation"
    Path(page.path).write_text(evaluation_page(result, title, threshold), encoding="utf-8")
    for name, score in result.scores.items():
        metrics.log_metric(name, score.value)
    if result.confusion is not None:
        classification.log_confusion_matrix(list(result.labels), result.confusion)
    if result.task == "binary":
        classification.log_roc_curve(*roc_points(result.new))
    Path(headline).write_text(repr(result.scores[HEADLINE[result.task]].value), encoding="utf-8")
    return result.passed
