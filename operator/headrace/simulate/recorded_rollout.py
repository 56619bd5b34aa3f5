"""Whether a recording is about a rollout, and which of its checks it can answer."""

from __future__ import annotations

from headrace.api import ModelRollout, RolloutSpec
from headrace.engine.checks.build import checks_of
from headrace.engine.observations import MetricKey
from headrace.errors import InvalidInput
from headrace.metrics.clusters import CLUSTER
from headrace.metrics.queries import counters_for, level_query, query_for
from headrace.metrics.recorded import RecordedServer
from headrace.metrics.recording import Recording
from headrace.metrics.source import Request

_MOST_NAMED = 8


def versions_of(rollout: ModelRollout, recording: Recording) -> list[str]:
    """Name the versions of a rollout that the recording has something of."""
    found = set()
    ours = f"{rollout.key}/"
    for one in recording.series:
        cluster = one.labels.get(CLUSTER, "")
        if cluster.startswith(ours):
            found.add(cluster.removeprefix(ours).partition("/")[0].replace("~", "."))
        if one.labels.get("model") == rollout.spec.model.name and "version" in one.labels:
            found.add(one.labels["version"])
    return sorted(found)


def stable_of(rollout: ModelRollout, recording: Recording) -> str:
    """Name the version that had the users.

    Raises:
        InvalidInput: The recording does not tell.
    """
    if recording.stable and recording.rollout == rollout.key:
        return recording.stable
    versions = versions_of(rollout, recording)
    candidates = {model.version for model in rollout.spec.versions}
    others = [version for version in versions if version not in candidates]
    if len(others) == 1:
        return others[0]
    if not versions:
        raise InvalidInput(
            f"The recording has nothing of {rollout.key} with the model "
            f"{rollout.spec.model.name}. {_labels_of(recording)}"
        )
    if not others:
        raise InvalidInput(
            f"The recording has version {', '.join(versions)} of {rollout.key} and nothing of a "
            "stable version: there is nothing to compare with. Record both in one range."
        )
    raise InvalidInput(
        f"The recording has the versions {', '.join(others)} beside the candidate: say with "
        "--stable which of them had the users."
    )


def nothing_of(request: Request, recording: Recording) -> str:
    """Say that the candidates were never asked, and what there is instead."""
    names = ", ".join(request.candidates)
    return (
        f"The recording has no request of version {names} of {request.rollout}. "
        f"{_labels_of(recording)}"
    )


def _labels_of(recording: Recording) -> str:
    """Say what there is instead."""
    told = []
    for label in ("__name__", CLUSTER, "model", "version"):
        values = sorted({one.labels[label] for one in recording.series if label in one.labels})
        if values:
            more = f" and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else ""
            told.append(f"{label}: {', '.join(values[:_MOST_NAMED])}{more}")
    return f"What it has: {'; '.join(told)}."


def answerable(
    spec: RolloutSpec, request: Request, server: RecordedServer
) -> tuple[RolloutSpec, dict[str, str]]:
    """Leave out the checks of which nothing was recorded.

    Returns:
        The spec with the other checks, and why each of these was left out.

    Raises:
        InvalidInput: No check is left.
    """
    left_out = {}
    for test in checks_of(spec.analysis):
        metrics = {*test.reads(live=True), *test.reads(live=False)}
        if not any(_has(metric, request, server) for metric in metrics):
            left_out[test.name] = "nothing of it was recorded"
    for check in spec.analysis.checks:
        if check.metric == "request-split":
            left_out[check.name] = "nobody asked the recorded router for these weights"
    kept = [check for check in spec.analysis.checks if check.name not in left_out]
    if not kept:
        names = ", ".join(f"{name} ({why})" for name, why in left_out.items())
        raise InvalidInput(f"The recording can answer none of the checks: {names}.")
    analysis = spec.analysis.model_copy(update={"checks": kept})
    return spec.model_copy(update={"analysis": analysis}), left_out


def _has(metric: MetricKey, request: Request, server: RecordedServer) -> bool:
    check = request.queries.get(metric)
    if check is not None and check.query is not None:
        return any(server.knows(level_query(check, request, v)) for v in request.candidates)
    counters = counters_for(metric, request).values()
    return all(server.knows(query_for([one], 1.0)) for one in counters)
