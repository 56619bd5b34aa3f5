"""The pipeline of the flight delay model: from the data set to a ModelRollout.

Linear but for one condition: what does not pass its evaluation is neither packaged nor registered
nor rolled out. Whether the new version keeps its users is not decided here but by the controller.

Every component is of the general library; what makes it about flights is in `headrace.demo`: where
the data is, the query that joins it, its schema, and the function that computes features.
"""

from pathlib import Path

from kfp import components, dsl

from headrace.demo import flights
from headrace.pipelines.tasks import fresh

_COMPONENTS = Path(__file__).parents[2] / "components"

ingest, validate_data, split, train, evaluate, package, register, roll_out = (
    components.load_component_from_file(str(_COMPONENTS / name / "component.yaml"))
    for name in (
        "ingest",
        "validate_data",
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
    inputs: list[str] = list(flights.EVERYTHING),  # noqa: B006, KFP stores it
    model_name: str = "flight-delay",
    holdout: str = "14d",
    gates: str = "auc >= 0.6 and brier <= champion.brier + 0.002",
) -> bool:
    """Train, test and package a model, register it as the challenger, and ask for its rollout.

    Args:
        release: The version's name, such as 2; new for every run whose data or code differ.
        train_from: First day of the data, such as 2013-01-01.
        train_until: Day after the last one.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        rollout_template: A ModelRollout as YAML, without the version.
        rollout_target: Where the controller reads rollouts: file:// and a directory.
        inputs: What the model reads, of what the features give.
        model_name: The model's name in the registry and in the rollout.
        holdout: How much of the data, at its end, judges the model.
        gates: What must hold, over the scores, so that a model is rolled out.

    Returns:
        Whether the model passed its evaluation and was rolled out.
    """
    # Data behind a URI may change under the same parameters.
    ingested = fresh(
        ingest(
            sources=flights.SOURCES,
            query=flights.query(),
            parameters={"train_from": train_from, "train_until": train_until},
            schema=flights.schema(),
        )
    )
    validated = validate_data(data=ingested.outputs["data"], schema=flights.schema())
    parts = split(
        data=ingested.outputs["data"], schema=flights.schema(), method="time", last=holdout
    ).after(validated)
    trained = train(
        train=parts.outputs["train"],
        schema=flights.schema(),
        estimator="gradient_boosting",
        parameters={"learning_rate": 0.1, "max_iter": 60, "early_stopping": False},
        search={"max_leaf_nodes": [7, 15, 31]},
        folds=1,
        features=flights.FEATURES,
        inputs=inputs,
        seed=2013,
    )
    # The champion that it is compared with changes under the same parameters.
    evaluated = fresh(
        evaluate(
            model=trained.outputs["model"],
            holdout=parts.outputs["holdout"],
            schema=flights.schema(),
            gates=gates,
            segments=["carrier", "origin"],
            registry_uri=registry_uri,
            model_name=model_name,
        )
    )
    with dsl.If(evaluated.outputs["Output"] == True, name="passed"):  # noqa: E712
        packaged = package(
            model=trained.outputs["model"],
            train=parts.outputs["train"],
            holdout=parts.outputs["holdout"],
            evaluation=evaluated.outputs["evaluation"],
            model_name=model_name,
            version=release,
        )
        registered = fresh(
            register(
                bundle=packaged.outputs["bundle"],
                evaluation=evaluated.outputs["evaluation"],
                registry_uri=registry_uri,
                digest=packaged.outputs["Output"],
            )
        )
        fresh(
            roll_out(
                template=rollout_template,
                target=rollout_target,
                model_name=model_name,
                version=release,
                uri=registered.output,
                digest=packaged.outputs["Output"],
            )
        )
    return evaluated.outputs["Output"]  # type: ignore[no-any-return]
