"""KFP component: fit a model, after a search for its parameters if one is asked for."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def train(
    train: dsl.Input[dsl.Dataset],
    schema: str,
    model: dsl.Output[dsl.Model],
    table: dsl.Output[dsl.HTML],
    estimator: str = "gradient_boosting",
    parameters: dict[str, object] = {},  # noqa: B006, KFP stores the default and never changes it
    search: dict[str, list[object]] = {},  # noqa: B006
    strategy: str = "grid",
    trials: int = 20,
    patience: int = 0,
    folds: int = 3,
    scoring: str = "",
    class_weight: dict[str, float] = {},  # noqa: B006
    balanced: bool = False,
    features: str = "",
    inputs: list[str] = [],  # noqa: B006
    seed: int = 0,
    jobs: int = 1,
    cluster: str = "",
    registry_uri: str = "",
    model_name: str = "",
) -> float:
    """Fit a model of scikit-learn, after a search for its parameters if one is asked for.

    Texts and missing numbers are encoded before the estimator. For one pod a combination, put the
    task into a ParallelFor over parameters, and give all models to the component tune.

    Args:
        train: Parquet, the rows to learn from.
        schema: The data schema in YAML.
        model: A directory with the model as skops file, never a pickle, what is known about it
            (fitted.json), and the table of trials.
        table: The trials for people, the best first.
        estimator: gradient_boosting, random_forest, extra_trees, tree or linear, which fit every
            task; or the import path of a class of scikit-learn's kind, or of a function that gives
            an estimator or a whole Pipeline.
        parameters: Of the estimator.
        search: Lists of values to try by parameter; empty fits the parameters as they are.
        strategy: grid tries all combinations, random some, halving all on few rows and the better
            half on more each time.
        trials: How many combinations random tries.
        patience: Ends a grid or random search after as many trials without a better one; 0 never.
        folds: In how many parts the rows judge each combination, later ones by time and other ones
            by group where the schema names them; 1 holds out a fifth.
        scoring: A scorer of scikit-learn, more is better; empty for log loss, or the root of the
            mean squared error of a regression.
        class_weight: How much a row counts by its label.
        balanced: Whether each label counts as much as any other in all.
        features: Import path package.module:function of the function from a request's columns to
            the model's inputs, which the server runs, too; empty where the columns are the inputs.
        inputs: Which of the features the model reads; empty for all.
        seed: Of everything random; the same gives the same model.
        jobs: How many combinations are fitted at a time in this task.
        cluster: dask://host:8786 or ray://host:10001: where they are fitted instead.
        registry_uri: Where the run is tracked, an MLflow server or sqlite:///; empty for nowhere.
        model_name: The model's name, for the run's.

    Returns:
        The best mean score over the folds.
    """
    from pathlib import Path

    from headrace.training.model.recipe import Recipe
    from headrace.training.model.task import run

    recipe = Recipe(
        estimator=estimator,
        parameters=parameters,
        search=search,
        strategy=strategy,  # type: ignore[arg-type]
        trials=trials,
        patience=patience,
        folds=folds,
        scoring=scoring,
        class_weight=class_weight or ("balanced" if balanced else ""),
        features=features,
        inputs=tuple(inputs),
        seed=seed,
        jobs=jobs,
        cluster=cluster,
    )
    done = run(Path(train.path), schema, recipe, Path(model.path), registry_uri, model_name)
    Path(table.path).write_text(done.page, encoding="utf-8")
    model.framework = "scikit-learn"
    model.metadata.update(done.metadata)
    return done.score
