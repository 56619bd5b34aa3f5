"""The MLflow run that a registered version points at: its parameters, metrics and card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.serving.bundle import Bundle

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "headrace"
DIGEST_TAG = "headrace.digest"
RUN_TAG = "run"
"""Of a version: the run that trained it, else the one that it was registered with."""

CARD = "README.md"


def run_of(
    client: MlflowClient,
    database: Path | None,
    bundle: Bundle,
    metrics: Mapping[str, float],
    params: Mapping[str, str | float | int],
) -> str:
    """Give the run of a bundle, with everything logged: that of its training, or one of its own.

    A second call finds the same run, also after a crash in the middle of the first.

    Args:
        client: Of the tracking server.
        database: The file of an SQLite database; None for a server.
        bundle: Its metadata names the run that trained it, if there was one.
        metrics: Finite numbers by name.
        params: What it was trained with.
    """
    run_id = _trained(client, bundle) or _registered(client, database, bundle)
    known = client.get_run(run_id).data
    for key, value in params.items():
        # A parameter is never changed: those of the training are its own.
        if key not in known.params:
            client.log_param(run_id, key, value)
    for key, number in metrics.items():
        if known.metrics.get(key) != number:
            client.log_metric(run_id, key, number)
    client.log_text(run_id, bundle.card, CARD)
    client.set_terminated(run_id)
    return run_id


def _trained(client: MlflowClient, bundle: Bundle) -> str:
    """Find the run of the training; empty where this server does not know it."""
    from mlflow.exceptions import MlflowException

    run_id = bundle.signature.metadata.get(RUN_TAG, "")
    if not run_id:
        return ""
    try:
        client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return ""
        raise
    return run_id


def _registered(client: MlflowClient, database: Path | None, bundle: Bundle) -> str:
    experiment = experiment_of(client, database)
    found = client.search_runs([experiment], f"tags.`{DIGEST_TAG}` = '{bundle.digest}'")
    if found:
        return str(found[-1].info.run_id)
    signature = bundle.signature
    run = client.create_run(
        experiment,
        run_name=f"{signature.name} {signature.version}",
        tags={DIGEST_TAG: bundle.digest},
    )
    return str(run.info.run_id)


def experiment_of(client: MlflowClient, database: Path | None) -> str:
    """Give the id of the one experiment that all runs belong to; it is made when it is missing."""
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is not None:
        return str(known.experiment_id)
    # Without a location of its own, MLflow writes to ./mlruns of whoever calls.
    location = None if database is None else (database.resolve().parent / "artifacts").as_uri()
    return str(client.create_experiment(EXPERIMENT, artifact_location=location))
