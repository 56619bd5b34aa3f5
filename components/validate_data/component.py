"""KFP component: hold a data set against its schema before anything is trained on it."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def validate_data(
    data: dsl.Input[dsl.Dataset],
    schema: str,
    report: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    previous: str = "",
    drift_limit: float = 0.25,
    on_violation: str = "stop",
) -> bool:
    """Hold a data set against its schema, and say how far it has drifted.

    Types, ranges, categories, nulls, duplicates, freshness, and each column's drift since the last
    training set. Not to be cached where the schema has a freshness: time goes on.

    Args:
        data: Parquet, as the component ingest writes it.
        schema: The data schema in YAML, kept in git beside the pipeline. The first one is made by
            headrace.training.data.infer.infer_schema of some rows, and reviewed by a person.
        report: JSON with every violation, also the tolerated ones, the drift, and how the columns
            are distributed; written before the task fails.
        page: The same for people.
        previous: URI of the report of the last training set, or of its Parquet file; empty judges
            no drift.
        drift_limit: The population stability index from which on a column has drifted.
        on_violation: stop fails the task; mark lets it succeed with the output False.

    Returns:
        Whether nothing is refused and nothing drifted.
    """
    import json
    from datetime import UTC, datetime
    from pathlib import Path

    from headrace.training.data.earlier import earlier_reference
    from headrace.training.data.report import report_page, require_action
    from headrace.training.data.schema_text import parse_schema
    from headrace.training.data.validate import validate

    require_action(on_violation)
    known = parse_schema(schema)
    earlier = earlier_reference(previous, known) if previous else None
    found = validate(Path(data.path), known, datetime.now(UTC), earlier, drift_limit)
    Path(report.path).write_text(json.dumps(found.to_document(), indent=2), encoding="utf-8")
    Path(page.path).write_text(report_page(found, known), encoding="utf-8")
    report.metadata["passed"] = str(found.passed).lower()
    report.metadata["rows"] = str(found.rows)
    print(found.message())
    if on_violation == "stop":
        found.require()
    return found.passed
