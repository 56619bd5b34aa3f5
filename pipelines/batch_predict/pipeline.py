"""Predictions for a whole table, by the version that users have now.

The same bundle that is served, fetched from the registry and checked by its digest. Made to be
scheduled: each batch has a folder of its own, and a run that was interrupted goes on there.
"""

from pathlib import Path

from kfp import components, dsl

from headrace.pipelines.tasks import fresh

_COMPONENTS = Path(__file__).parents[2] / "components"

ingest, fetch_model, predict = (
    components.load_component_from_file(str(_COMPONENTS / name / "component.yaml"))
    for name in ("ingest", "fetch_model", "batch_predict")
)


# Not named as its task: who loads a pipeline that is named as one of its components gets that one.
@dsl.pipeline(name="batch-prediction")  # type: ignore[untyped-decorator]
def batch_predict(
    sources: dict[str, str],
    model_name: str,
    registry_uri: str,
    query: str = "",
    query_parameters: dict[str, object] = {},  # noqa: B006, KFP stores it
    schema: str = "",
    version: str = "champion",
    target: str = "",
    keys: list[str] = [],  # noqa: B006
    partition_rows: int = 100000,
    largest_failed: float = 0.0,
) -> list[str]:
    """Predict a table by a registered version.

    Args:
        sources: URIs by the name under which the query knows them, as the component ingest takes
            them.
        model_name: The model's name in the registry.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        query: One SELECT that joins the sources; empty for all rows of the only one.
        query_parameters: Values for $name in the query.
        schema: The data schema in YAML, so that texts from CSV are read as it says.
        version: A version's name, or champion or challenger.
        target: Below which each batch has its folder: s3://, gs://, file:// or a path; empty for
            the artifact itself, which a retry begins anew.
        keys: Columns that are copied beside the predictions, to know whose they are.
        partition_rows: Rows of a partition: what is in memory, and what a crash costs.
        largest_failed: The share of rows that may have no prediction.

    Returns:
        The names of what has drifted: inputs, or prediction.
    """
    # Data behind a URI may change under the same parameters, and so does the champion.
    ingested = fresh(
        ingest(sources=sources, query=query, parameters=query_parameters, schema=schema)
    )
    model = fresh(fetch_model(model_name=model_name, registry_uri=registry_uri, version=version))
    predicted = fresh(
        predict(
            bundle=model.outputs["bundle"],
            rows=ingested.outputs["data"],
            target=target,
            keys=keys,
            partition_rows=partition_rows,
            largest_failed=largest_failed,
            own_folder=True,
        )
    )
    return predicted.outputs["Output"]  # type: ignore[no-any-return]
