"""The one way in and out of the engine.

`decide` is called at every tick with the resource as it was last written and with what has been
observed since. It answers with what should exist and what to remember. It looks at levels, not
at edges: called again with the same input it asks for the same world.
"""

from __future__ import annotations

from headrace.api import Phase, RolloutSpec, Status
from headrace.engine.adoption import adoption
from headrace.engine.contradiction import contradiction, start_over
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.endings import promoting, rolling_back
from headrace.engine.farewell import leaving
from headrace.engine.lifecycle import wanted
from headrace.engine.news import still_to_tell
from headrace.engine.observations import Metric, MetricKey, Observations
from headrace.engine.rest import at_rest, first_version
from headrace.engine.retreats import with_retreat
from headrace.engine.servers import note_servers
from headrace.engine.strategies.build import metrics_of, strategy_of
from headrace.engine.suspension import from_now_on, suspended, valid_again, was_suspended
from headrace.engine.trial import carry_out, under_test


def asked_of(spec: RolloutSpec, status: Status) -> RolloutSpec:
    """Give the spec with the checks that the next `decide` asks.

    After the switch these are the questions that were made then, whatever the spec says now.
    """
    if status.ending is None or not status.ending.checks:
        return spec
    analysis = spec.analysis.model_copy(update={"checks": status.ending.checks})
    return spec.model_copy(update={"analysis": analysis})


def wanted_metrics(spec: RolloutSpec, status: Status) -> tuple[MetricKey, ...]:
    """Name the metrics that the next `decide` can use; none while nothing is under test.

    Args:
        spec: As `asked_of` gives it.
        status: Of the rollout.
    """
    if status.candidate is None or status.stable is None or spec.suspended:
        return ()
    metrics = metrics_of(spec)
    if any(check.observed_until is not None for check in status.checks):
        # What is only of the time before the rollout is not asked for any more.
        return tuple(metric for metric in metrics if metric != Metric.SERVED)
    return metrics


def decide(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Judge what was observed and say what happens next.

    Args:
        spec: What the user wants.
        status: As the last tick left it.
        observations: Fresh intervals, each increment once, and what exists.
        now: Unix seconds; nothing else in the engine knows the time.

    Returns:
        The decision with its sentence, the plan, and the status to write.
    """
    status = with_retreat(_seen(valid_again(status), observations, now), observations.world)
    if (adopted := adoption(spec, status, observations, now)) is not None:
        return adopted
    if observations.deleting is not None:
        gone = leaving(spec, status, observations, now)
        if gone is not None:
            return gone
    elif spec.suspended:
        return suspended(spec, status, observations, now)
    elif was_suspended(status):
        observations = from_now_on(observations, now)
    if status.stable is not None and (why := contradiction(status)):
        return start_over(spec, status, why, observations.world, now)
    if status.phase is Phase.PROMOTING:
        return promoting(spec, status, observations, now)
    if status.phase is Phase.ROLLING_BACK:
        return rolling_back(spec, status, observations, now)
    if status.candidate is None:
        return at_rest(spec, status, observations, now)
    if status.stable is None:
        return first_version(spec, status, observations, now)
    running = (status.candidate, *(challenger.model for challenger in status.challengers))
    if wanted(spec, status) != running:
        return _superseded(spec, status, observations, now)
    return under_test(spec, status, observations, now)


def _seen(status: Status, observations: Observations, now: float) -> Status:
    """Note what exists, and which spec this is about."""
    weights = status.weights
    if weights.seen != observations.world.traffic:
        weights = weights.model_copy(update={"seen": observations.world.traffic})
    return status.model_copy(
        update={
            "weights": weights,
            "servers": note_servers(status, observations.world, now),
            "observed_generation": observations.generation,
            "news": still_to_tell(status.news, observations),
            "registered": observations.registered or status.registered,
        }
    )


def _superseded(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    assert status.candidate is not None
    name = "stable" if spec.model == status.stable else spec.model.version
    if spec.model == status.candidate:
        name = "other challengers"
    message = f"the spec now names {name}; {status.candidate.version} is taken back"
    decision = Decision(Action.ROLL_BACK, "Superseded", message)
    return carry_out(spec, strategy_of(spec), status, decision, observations, now)
