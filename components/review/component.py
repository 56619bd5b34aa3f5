"""KFP component: check a version against a policy, and wait until people have said yes."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def review(
    bundle: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    holdout: dsl.Input[dsl.Dataset],
    record: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    policy: str,
    registry_uri: str,
    approvals: str = "",
    timeout: str = "72h",
    interval: str = "30s",
    must_be_approved: bool = True,
) -> str:
    """Check a registered version against a policy, and wait until enough people have said yes.

    Not to be cached, because people answer otherwise another time. People are waited for only when
    everything else is right. Their words are bound to the bundle's digest.

    Args:
        bundle: As the component package writes it.
        evaluation: As the component evaluate writes it.
        holdout: Parquet, rows that the model was not fitted on; fairness is measured on them.
        record: JSON, the audit trail: the policy, every check with its numbers, who said what and
            when. It is also kept with the version's run in MLflow.
        page: The same for people.
        policy: YAML in the format headrace.dev/review/v1: required fields of the card, licences,
            lineage, bounds of fairness, and whose approval is needed.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server, in which the
            component register has entered the version.
        approvals: Where people leave their words: file:// and a folder with a file
            NAME-VERSION.yaml; empty for tags in the registry, as `headrace approve` sets them.
        timeout: How long people have, such as 72h.
        interval: Between two looks.
        must_be_approved: Fail the task with the reason unless the version is approved; otherwise
            the outcome is returned, for a condition of the pipeline.

    Returns:
        Approved, Refused by a check, Rejected by a person, or TimedOut.
    """
    from functools import partial
    from pathlib import Path

    from headrace.delivery.review.task import run_review

    found = run_review(
        policy=policy,
        bundle_dir=Path(bundle.path),
        evaluation=Path(evaluation.path),
        holdout=Path(holdout.path),
        registry_uri=registry_uri,
        place=approvals or registry_uri,
        timeout=timeout,
        interval=interval,
        say=partial(print, flush=True),
    )
    Path(record.path).write_text(found.document(), encoding="utf-8")
    Path(page.path).write_text(found.page(), encoding="utf-8")
    record.metadata["outcome"] = found.outcome
    record.metadata["message"] = found.message
    record.metadata["digest"] = found.digest
    if must_be_approved:
        found.require_approval()
    return found.outcome
