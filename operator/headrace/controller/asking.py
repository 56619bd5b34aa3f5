"""What a rollout asks of the numbers at a tick, and what its names have meant since when.

Both are pure, so that a tick of a whole fleet can collect all requests and ask once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from headrace.api import CountedAs, ModelRollout, ModelSpec, Status
from headrace.engine.answer import plan_of
from headrace.engine.checks.build import queries_of
from headrace.engine.counters import RouterCounters
from headrace.engine.decide import asked_of, wanted_metrics
from headrace.engine.decision import Tick
from headrace.engine.lifecycle import HISTORY_INTERVALS
from headrace.engine.observations import Metric
from headrace.engine.plan import Plan
from headrace.metrics.clusters import local_counters
from headrace.metrics.source import Request

CountersOf = Callable[[ModelRollout, Plan], RouterCounters]
"""Names the counters of a rollout as it is rendered: the local Envoy's, or a cluster's router's."""

LONGEST = 3600.0
"""Seconds of the past that are read at most, after a long time without numbers."""


def local_envoy(rollout: ModelRollout, plan: Plan) -> RouterCounters:
    """Name the counters of the local platform, also those of versions that are out already."""
    stable = "" if plan.stable is None else plan.stable.version
    candidates = dict.fromkeys(model.version for model in (*plan.candidates, *_tested(rollout)))
    return local_counters(rollout.key, stable, candidates)


def request_of(
    rollout: ModelRollout, now: float, counters_of: CountersOf = local_envoy
) -> Request | None:
    """Say what a rollout needs to know at this tick.

    Args:
        rollout: With the status that the last tick wrote.
        now: Unix seconds.
        counters_of: Of the platform; in a cluster `headrace.render.counters.counters_of`.

    Returns:
        One request for all candidates together with stable; None while there is nothing to
        compare.

    Raises:
        InvalidRollout: The router's objects cannot be rendered.
    """
    status = rollout.status
    if status.stable is None or status.candidate is None or rollout.spec.suspended:
        return None
    spec = asked_of(rollout.spec, status)
    plan = plan_of(rollout.spec, status, status.weights.asked)
    earliest = now - max(LONGEST, HISTORY_INTERVALS * spec.analysis.interval)
    since = {m: status.watermarks.get(m, now) for m in wanted_metrics(spec, status)}
    return Request(
        rollout=rollout.key,
        model=spec.model.name,
        stable=status.stable.version,
        candidates=tuple(model.version for model in _tested(rollout)),
        since={metric: max(earliest, until) for metric, until in since.items()},
        interval=spec.analysis.interval,
        counters=_known(status, counters_of(rollout, plan)),
        queries=queries_of(spec.analysis),
    )


def with_names(
    rollout: ModelRollout, answer: Tick, now: float, counters_of: CountersOf = local_envoy
) -> Tick:
    """Note under which names the arms are counted from now on, where names are used again.

    A name counts for a version from the first tick at which the router is seen to carry the plan
    with that name; what it counted before was another's, or is not known.

    Args:
        rollout: With the status that the last tick wrote.
        answer: Of this tick; its status is to be written.
        now: Unix seconds.
        counters_of: Of the platform.

    Raises:
        InvalidRollout: The router's objects cannot be rendered.
    """
    status = answer.status
    carried = status.weights.seen == status.weights.asked
    known = {(each.metric, each.name, each.version): each for each in rollout.status.counted}
    counted = []
    router = counters_of(rollout, answer.plan)
    for metric in (Metric.REQUESTS, Metric.MIRRORED):
        counters = router.by_metric[metric]
        for name, version in counters.versions.items() if counters.reused else ():
            before = known.get((metric, name, version))
            if before is None:
                counted.append(CountedAs(metric=metric, name=name, version=version))
            elif before.since is None and carried:
                counted.append(before.model_copy(update={"since": now}))
            else:
                counted.append(before)
    if counted == status.counted:
        return answer
    return replace(answer, status=status.model_copy(update={"counted": counted}))


def _tested(rollout: ModelRollout) -> tuple[ModelSpec, ...]:
    status = rollout.status
    first = () if status.candidate is None else (status.candidate,)
    return (*first, *(challenger.model for challenger in status.challengers))


def _known(status: Status, counters: RouterCounters) -> RouterCounters:
    """Leave out what names have counted before they meant these versions."""
    since: dict[str, dict[str, float]] = {}
    for each in status.counted:
        if each.since is not None:
            since.setdefault(each.metric, {})[each.name] = each.since
    live = since.get(Metric.REQUESTS, {})
    return RouterCounters(
        requests=counters.requests.known_since(live),
        mirrored=counters.mirrored.known_since(since.get(Metric.MIRRORED, {})),
        latency=counters.latency.known_since(live),
    )
