"""The pipeline of the flight delay model: from the data set to a ModelRollout.

Linear but for one condition: what does not pass its evaluation is neither packaged nor registered
nor rolled out. Whether the new version keeps its users is not decided here but by the controller.
"""

from pathlib import Path

from kfp import components, dsl

_COMPONENTS = Path(__file__).parents[2] / "components"

ingest, validate, split, train, evaluate, package, register, roll_out = (
    components.load_component_from_file(str(_COMPONENTS / name / "component.yaml"))
    for name in (
        "ingest",
        "validate",
        "split",
        "train",
        "evaluate",
        "package",
        "register",
        "roll_out",
    )
)


@dsl.pipeline(name="flight-delay")  # type: ignore[untyped-decorator]
def flight_delay(
    release: str,
    train_from: str,
    train_until: str,
    registry_uri: str,
    rollout_template: str,
    rollout_target: str,
    feature_set: str = "schedule-and-weather",
    model_name: str = "flight-delay",
    holdout_days: int = 14,
    minimum_auc: float = 0.6,
) -> bool:
    """Train, test and package a model, register it as the challenger, and ask for its rollout.

    Args:
        release: The version's name, such as 2; new for every run whose data or code differ.
        train_from: First day of the data, such as 2013-01-01.
        train_until: Day after the last one.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        rollout_template: A ModelRollout as YAML, without the version.
        rollout_target: Where the controller reads rollouts: file:// and a directory.
        feature_set: What the model reads: schedule, or schedule-and-weather.
        model_name: The model's name in the registry and in the rollout.
        holdout_days: How many of the last days judge the model.
        minimum_auc: The smallest area under the ROC curve with which a model is rolled out.

    Returns:
        Whether the model passed its evaluation and was rolled out.
    """
    ingested = ingest(train_from=train_from, train_until=train_until).set_caching_options(False)
    validated = validate(flights=ingested.outputs["flights"])
    parts = split(flights=ingested.outputs["flights"], holdout_days=holdout_days).after(validated)
    trained = train(train=parts.outputs["train"], feature_set=feature_set)
    # The champion that it is compared with changes under the same parameters.
    evaluated = evaluate(
        model=trained.outputs["model"],
        holdout=parts.outputs["holdout"],
        feature_set=feature_set,
        minimum_auc=minimum_auc,
        registry_uri=registry_uri,
        model_name=model_name,
    ).set_caching_options(False)
    with dsl.If(evaluated.outputs["Output"] == True, name="passed"):  # noqa: E712
        packaged = package(
            model=trained.outputs["model"],
            train=parts.outputs["train"],
            holdout=parts.outputs["holdout"],
            model_name=model_name,
            version=release,
            feature_set=feature_set,
        )
        registered = register(
            bundle=packaged.outputs["bundle"],
            evaluation=evaluated.outputs["evaluation"],
            registry_uri=registry_uri,
            digest=packaged.outputs["Output"],
        ).set_caching_options(False)
        roll_out(
            template=rollout_template,
            target=rollout_target,
            model_name=model_name,
            version=release,
            uri=registered.output,
            digest=packaged.outputs["Output"],
        ).set_caching_options(False)
    return evaluated.outputs["Output"]  # type: ignore[no-any-return]
