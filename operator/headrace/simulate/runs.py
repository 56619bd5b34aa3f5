"""Many simulated rollouts, under Headrace and under the peers' documented rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from headrace.api import RolloutSpec
from headrace.engine.decision import Action
from headrace.simulate.peers import RULES, Peer, Rule
from headrace.simulate.rollout import Ending, run_once, schedule_of, source_of
from headrace.simulate.scenario import Scenario

OURS = "Headrace"
_CHUNK = 10


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rollouts of one scenario."""

    spec: RolloutSpec
    scenario: Scenario
    seed: int
    first: int
    count: int


Endings = dict[str, list[Ending]]
"""By policy, in the order of the runs."""


def simulate(
    spec: RolloutSpec,
    scenarios: Sequence[Scenario],
    *,
    seed: int,
    runs: int,
    processes: int,
    done: Callable[[int], None],
) -> list[Endings]:
    """Simulate every scenario; the same answer for the same seed, whatever the processes.

    Args:
        spec: What the user wants.
        scenarios: What happens.
        seed: Of all randomness.
        runs: Rollouts per scenario, >= 1.
        processes: At most so many at once, >= 1.
        done: Told how many rollouts more are done.

    Returns:
        One entry per scenario.
    """
    chunks = [
        Chunk(spec, scenario, seed, first, min(_CHUNK, runs - first))
        for scenario in scenarios
        for first in range(0, runs, _CHUNK)
    ]
    found: list[Endings] = []
    for chunk, endings in zip(chunks, _carried_out(chunks, processes), strict=True):
        if chunk.first == 0:
            found.append({name: [] for name in endings})
        for name, some in endings.items():
            found[-1][name] += some
        done(chunk.count)
    return found


def _carried_out(chunks: Sequence[Chunk], processes: int) -> Iterator[Endings]:
    if processes == 1 or len(chunks) == 1:
        yield from map(run_chunk, chunks)
        return
    with ProcessPoolExecutor(max_workers=processes) as pool:
        try:
            yield from pool.map(run_chunk, chunks)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def run_chunk(chunk: Chunk) -> Endings:
    """Simulate some rollouts under all policies."""
    runs = range(chunk.first, chunk.first + chunk.count)
    spec, scenario, seed = chunk.spec, chunk.scenario, chunk.seed
    endings = {OURS: [run_once(spec, scenario, seed, run) for run in runs]}
    for rule in RULES:
        endings[rule.name] = [_under(rule, spec, scenario, seed, run) for run in runs]
    return endings


def _under(rule: Rule, spec: RolloutSpec, scenario: Scenario, seed: int, run: int) -> Ending:
    """Simulate a peer: the steps that give users to the candidate, then the promotion.

    Copies are left out: neither of the documented rules looks at them.
    """
    source, interval = source_of(spec, scenario, seed, run), spec.analysis.interval
    peer = Peer(rule, interval)
    time = served = 0.0
    for seconds, weight in schedule_of(spec):
        for _ in range(round(seconds / interval) if weight else 0):
            time += interval
            drawn = source.draw(time, 1 - weight, weight)
            served += drawn.candidate.requests.total if time > scenario.onset else 0.0
            if peer.rolls_back(drawn):
                return Ending(Action.ROLL_BACK, "Threshold", time, served)
    return Ending(Action.PROMOTE, "ScheduleHeld", time, served)
