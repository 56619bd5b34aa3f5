"""From any table to the rollout of a model: ingest, validate, split, and offer.

Whether the new version keeps its users is not decided here but by the controller.
"""

from pathlib import Path
from typing import Any

from kfp import components, dsl

from headrace.pipelines.tasks import fresh

_ROOT = Path(__file__).parents[2]


def _load(file: str) -> Any:
    return components.load_component_from_file(str(_ROOT / file))


ingest, validate_data, split = (
    _load(f"components/{name}/component.yaml") for name in ("ingest", "validate_data", "split")
)
offer = _load("pipelines/offer/pipeline.yaml")


@dsl.pipeline(name="train-and-roll-out")  # type: ignore[untyped-decorator]
def train_and_roll_out(
    version: str,
    sources: dict[str, str],
    schema: str,
    model_name: str,
    registry_uri: str,
    rollout_template: str,
    rollout_target: str,
    query: str = "",
    query_parameters: dict[str, object] = {},  # noqa: B006
    drift_reference: str = "",
    split_method: str = "auto",
    holdout_share: float = 0.2,
    holdout_last: str = "",
    estimator: str = "gradient_boosting",
    parameters: dict[str, object] = {},  # noqa: B006
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
    """Train a model on a table, judge it, and ask for its rollout if it is good enough.

    Args:
        version: The version's name, such as 2; new for every run whose data or code differ.
        sources: URIs by the name under which the query knows them, as the component ingest takes
            them.
        schema: The data schema in YAML.
        model_name: The model's name in the registry and in the rollout.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        rollout_template: A ModelRollout as YAML, without the version.
        rollout_target: Where it goes: kubernetes://, file:// and a directory, or local://.
        query: One SELECT that joins the sources; empty for all rows of the only one.
        query_parameters: Values for $name in the query.
        drift_reference: URI of the data report or the Parquet file of the last training set: data
            that has drifted from it stops the run; empty judges no drift.
        split_method: auto, random, stratified, grouped or time.
        holdout_share: Of the rows that judge the model.
        holdout_last: Of a split by time: how much time judges the model instead, such as 14d.
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
    # Data behind a URI may change under the same parameters.
    ingested = fresh(
        ingest(sources=sources, query=query, parameters=query_parameters, schema=schema)
    )
    # Uncached: how fresh the rows are depends on the hour.
    validated = fresh(
        validate_data(data=ingested.outputs["data"], schema=schema, previous=drift_reference)
    )
    parts = split(
        data=ingested.outputs["data"],
        schema=schema,
        method=split_method,
        share=holdout_share,
        last=holdout_last,
        seed=seed,
    ).after(validated)
    offered = offer(
        train=parts.outputs["train"],
        holdout=parts.outputs["holdout"],
        schema=schema,
        model_name=model_name,
        version=version,
        registry_uri=registry_uri,
        rollout_template=rollout_template,
        rollout_target=rollout_target,
        estimator=estimator,
        parameters=parameters,
        search=search,
        folds=folds,
        scoring=scoring,
        balanced=balanced,
        features=features,
        inputs=inputs,
        seed=seed,
        gates=gates,
        segments=segments,
        threshold=threshold,
        tolerance=tolerance,
        about=about,
        policy=policy,
        handler=handler,
        load_levels=load_levels,
        load_seconds=load_seconds,
    )
    return offered.outputs["Output"]  # type: ignore[no-any-return]
