"""KFP component: check flights against rules before anything is trained on them."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def validate(
    flights: dsl.Input[dsl.Dataset],
    report: dsl.Output[dsl.Artifact],
) -> int:
    """Check flights against rules; the task fails if one is broken that must hold.

    Args:
        flights: Parquet, as the component ingest writes it.
        report: JSON with every violation, also the tolerated ones; written before the task fails.

    Returns:
        How many violations were tolerated.
    """
    import json
    from pathlib import Path

    from headrace.training.flights import RULES
    from headrace.training.ingest import read_rows
    from headrace.training.validate import validate

    result = validate(read_rows(Path(flights.path)), RULES)
    Path(report.path).write_text(json.dumps(result.to_document(), indent=2), encoding="utf-8")
    result.require()
    return len(result.violations)
