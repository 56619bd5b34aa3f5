"""The part that every training pipeline ends with: train, judge, and offer what is good enough.

A pipeline of its own, which others load as they load a component. Linear but for one condition:
what does not pass its evaluation is neither packaged nor registered nor rolled out.
"""

from pathlib import Path

from kfp import components, dsl

from headrace.pipelines.tasks import fresh

_COMPONENTS = Path(__file__).parents[2] / "components"

train_model, evaluate, package, test_serving, register, review, roll_out = (
    components.load_component_from_file(str(_COMPONENTS / name / "component.yaml"))
    for name in (
        "train",
        "evaluate",
        "package",
        "test_serving",
        "register",
        "review",
        "roll_out",
    )
)


@dsl.pipeline(name="offer")  # type: ignore[untyped-decorator]
def offer(
    train: dsl.Input[dsl.Dataset],
    holdout: dsl.Input[dsl.Dataset],
    schema: str,
    model_name: str,
    version: str,
    registry_uri: str,
    rollout_template: str,
    rollout_target: str,
    estimator: str = "gradient_boosting",
    parameters: dict[str, object] = {},  # noqa: B006, KFP stores it
    search: dict[str, list[object]] = {},  # noqa: B006
    folds: int = 3,
    scoring: str = "",
    balanced: bool = False,
    features: str = "",
    inputs: list[str] = [],  # noqa: B006
    seed: int = 0,
    gates: str = "",
    segments: list[str] = [],  # noqa: B006
    threshold: float = 0.5,
    tolerance: float = 0.0,
    about: dict[str, str] = {},  # noqa: B006
    policy: str = "lineage: [data-digest]",
    handler: str = "headrace.serving.server.ModelServer",
    load_levels: str = "1,4",
    load_seconds: float = 5.0,
) -> bool:
    """Train a model, judge it beside the champion, and ask for its rollout if it is good enough.

    Args:
        train: Parquet, the rows to learn from.
        holdout: Parquet, the rows to be judged by.
        schema: The data schema in YAML.
        model_name: The model's name in the registry and in the rollout.
        version: The version's name; new for every run whose data or code differ.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        rollout_template: A ModelRollout as YAML, without the version.
        rollout_target: Where it goes: kubernetes://, file:// and a directory, or local://.
        estimator: gradient_boosting, random_forest, extra_trees, tree, linear, or an import path.
        parameters: Of the estimator.
        search: Lists of values to try by parameter.
        folds: In how many parts the rows judge each combination; 1 holds out a fifth.
        scoring: A scorer of scikit-learn, more is better; empty for the task's own.
        balanced: Whether each label counts as much as any other in all.
        features: Import path of the function from a request's columns to inputs; empty for none.
        inputs: What the model reads, of what the features give; empty for all.
        seed: Of everything random.
        gates: What must hold, over the scores, so that a model is offered; empty lets all pass.
        segments: Columns by whose values the evaluation is cut.
        threshold: Of a binary task: a probability above it is a positive answer.
        tolerance: Of a regression: how far apart the answers of two versions may be and agree.
        about: What only people know, for the card: owner, licence, intended_use, limitations.
        policy: What the review insists on, YAML; people are waited for where it says so.
        handler: The class that serves the bundle, as in spec.model.handler.
        load_levels: Requests at a time, one level after the other, that the server is tried with.
        load_seconds: Of load at each level.

    Returns:
        Whether the model passed its evaluation and its rollout was asked for.
    """
    trained = train_model(
        train=train,
        schema=schema,
        estimator=estimator,
        parameters=parameters,
        search=search,
        folds=folds,
        scoring=scoring,
        balanced=balanced,
        features=features,
        inputs=inputs,
        seed=seed,
    )
    # The champion that it is compared with changes under the same parameters.
    evaluated = fresh(
        evaluate(
            model=trained.outputs["model"],
            holdout=holdout,
            schema=schema,
            gates=gates,
            segments=segments,
            threshold=threshold,
            registry_uri=registry_uri,
            model_name=model_name,
            version=version,
        )
    )
    with dsl.If(evaluated.outputs["Output"] == True, name="passed"):  # noqa: E712
        packaged = package(
            model=trained.outputs["model"],
            train=train,
            holdout=holdout,
            evaluation=evaluated.outputs["evaluation"],
            model_name=model_name,
            version=version,
            about=about,
            threshold=threshold,
            tolerance=tolerance,
        )
        tried = test_serving(
            bundle=packaged.outputs["bundle"],
            holdout=holdout,
            handler=handler,
            levels=load_levels,
            seconds=load_seconds,
        ).set_caching_options(False)
        registered = fresh(
            register(
                bundle=packaged.outputs["bundle"],
                evaluation=evaluated.outputs["evaluation"],
                registry_uri=registry_uri,
                digest=packaged.outputs["Output"],
            ).after(tried)
        )
        reviewed = fresh(
            review(
                bundle=packaged.outputs["bundle"],
                evaluation=evaluated.outputs["evaluation"],
                holdout=holdout,
                policy=policy,
                registry_uri=registry_uri,
            ).after(registered)
        )
        fresh(
            roll_out(
                template=rollout_template,
                target=rollout_target,
                model_name=model_name,
                version=version,
                uri=registered.outputs["Output"],
                digest=packaged.outputs["Output"],
            ).after(reviewed)
        )
    return evaluated.outputs["Output"]  # type: ignore[no-any-return]
