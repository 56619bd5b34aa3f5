"""Continuous training: a new version when there is a reason, and nothing otherwise.

Made to be scheduled, and to be submitted by whoever has a reason: the task `retrain-due` says
whether it is time. What it names the version goes by the data, so that a run that was interrupted
is gone on with by the next one.
"""

from pathlib import Path
from typing import Any

from kfp import components, dsl

from headrace.pipelines.tasks import fresh

_ROOT = Path(__file__).parents[2]


def _load(file: str) -> Any:
    return components.load_component_from_file(str(_ROOT / file))


ingest, validate_data, split, retrain_due = (
    _load(f"components/{name}/component.yaml")
    for name in ("ingest", "validate_data", "split", "retrain_due")
)
offer = _load("pipelines/offer/pipeline.yaml")


@dsl.pipeline(name="retrain")  # type: ignore[untyped-decorator]
def retrain(
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
    asked: str = "",
    drift_limit: float = 0.0,
    quality: str = "",
    labels: str = "",
    least_labels: int = 200,
    labels_since: str = "7d",
    cool_down: str = "1d",
    version_prefix: str = "auto",
    estimator: str = "gradient_boosting",
    parameters: dict[str, object] = {},  # noqa: B006
    search: dict[str, list[object]] = {},  # noqa: B006
    folds: int = 3,
    scoring: str = "",
    balanced: bool = False,
    features: str = "",
    inputs: list[str] = [],  # noqa: B006
    seed: int = 0,
    gates: str = "champion.p_worse >= 0.05",
    segments: list[str] = [],  # noqa: B006
    threshold: float = 0.5,
    tolerance: float = 0.0,
    about: dict[str, str] = {},  # noqa: B006
    policy: str = "lineage: [data-digest]",
    handler: str = "headrace.serving.server.ModelServer",
    load_levels: str = "1,4",
    load_seconds: float = 5.0,
) -> str:
    """Train again if there is a reason, and offer what is no worse than the champion.

    Args:
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
        asked: Why somebody wants it now, such as the sentence of an alert; empty on a schedule.
        drift_limit: Train when an input, or what the champion answers, has drifted by more than
            this population stability index; 0 does not look.
        quality: Train when the labels say this of the champion: accuracy < 0.7 or brier > 0.2;
            empty does not look. With neither this nor drift_limit, new data is reason enough.
        labels: The database of headrace labels, as SQLAlchemy takes it.
        least_labels: Labelled predictions without which the quality says nothing.
        labels_since: How far back predictions count.
        cool_down: How long after a version was registered no other is trained.
        version_prefix: Of the versions' names.
        estimator: gradient_boosting, random_forest, extra_trees, tree, linear, or an import path.
        parameters: Of the estimator.
        search: Lists of values to try by parameter.
        folds: In how many parts the rows judge each combination; 1 holds out a fifth.
        scoring: A scorer of scikit-learn, more is better; empty for the task's own.
        balanced: Whether each label counts as much as any other in all.
        features: Import path of the function from a request's columns to inputs; empty for none.
        inputs: What the model reads, of what the features give; empty for all.
        seed: Of everything random.
        gates: What must hold, over the scores, so that a model is offered: on the same rows it must
            not be proved worse than the champion.
        segments: Columns by whose values the evaluation is cut.
        threshold: Of a binary task: a probability above it is a positive answer.
        tolerance: Of a regression: how far apart the answers of two versions may be and agree.
        about: What only people know, for the card: owner, licence, intended_use, limitations.
        policy: What the review insists on, YAML; people are waited for where it says so.
        handler: The class that serves the bundle, as in spec.model.handler.
        load_levels: Requests at a time, one level after the other, that the server is tried with.
        load_seconds: Of load at each level.

    Returns:
        Why there is a new version, or why not, in one CamelCase word.
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
    due = fresh(
        retrain_due(
            train=parts.outputs["train"],
            schema=schema,
            model_name=model_name,
            registry_uri=registry_uri,
            template=rollout_template,
            target=rollout_target,
            # Whatever makes or judges the model: a change is another version.
            recipe=f"{estimator} {folds} {scoring} {balanced} {features} {seed} "
            f"{gates} {threshold} {tolerance}",
            parameters=parameters,
            search=search,
            inputs=inputs,
            about=about,
            asked=asked,
            drift_limit=drift_limit,
            quality=quality,
            labels=labels,
            least_labels=least_labels,
            labels_since=labels_since,
            cool_down=cool_down,
            prefix=version_prefix,
        )
    )
    with dsl.If(due.outputs["Output"] == True, name="due"):  # noqa: E712
        offer(
            train=parts.outputs["train"],
            holdout=parts.outputs["holdout"],
            schema=schema,
            model_name=model_name,
            version=due.outputs["version"],
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
    return due.outputs["reason"]  # type: ignore[no-any-return]
