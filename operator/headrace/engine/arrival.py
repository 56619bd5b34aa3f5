"""Users have moved as they should: most of what is seen after a plan was carried out.

It is known as soon as the router has taken a route, and where no numbers are new there is nothing
to decide by: a decision of its own for each step took a sixth of a controller's time.
"""

from __future__ import annotations

from headrace.api import Phase, RolloutSpec, Status
from headrace.engine.lifecycle import note_arrival
from headrace.engine.observations import World
from headrace.engine.strategies.build import strategy_of


def arrived(spec: RolloutSpec, status: Status, world: World, now: float) -> Status | None:
    """Note that the router carries what a step asks for.

    Args:
        spec: What should be.
        status: As the last tick left it.
        world: As it is since.
        now: Unix seconds, by the clock of the numbers.

    Returns:
        The status with that and nothing else; None where anything else may have to be decided
        before there are new numbers.
    """
    asked = status.weights.asked
    if status.phase is not Phase.PROGRESSING or status.carried_since is not None:
        return None
    if world.problem or world.traffic != asked:
        return None
    if any(name.since is None for name in status.counted):
        return None
    strategy = strategy_of(spec)
    if strategy.traffic(status) != asked or status.step >= len(strategy.steps):
        return None
    if not strategy.steps[status.step].hold:
        return None  # a person may be asked at once
    weights = status.weights.model_copy(update={"seen": asked})
    return note_arrival(status.model_copy(update={"weights": weights}), asked, now)
