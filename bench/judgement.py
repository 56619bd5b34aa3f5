"""What one look at one rollout costs: processor time of the engine, beside a plain threshold.

    python bench/judgement.py [--rollouts 40] [--json FILE]

A healthy canary with 40 requests a second and 15 s scrapes, in which nothing is decided: 5, 10, 25
and 50 % for 5 minutes each, after an hour of stable's history.

- judge: the fresh intervals into all checks, and their verdicts with figures and sentences.
- decide: all of the engine's tick: judgement, step machine, accounts, conditions, plan, status.
- no data: `decide` at a tick at which nothing new was measured.
- json: the status to the text that is written, and back; what a restart or an API server costs.

The last row is what Argo Rollouts and Flagger do at a look: divide two numbers, compare, count
strikes. It is three orders of magnitude cheaper, and says what `bench/decisions.py` shows.

All figures are medians over the ticks, in microseconds of one processor. A tick of two checks has
to stay below 200 us for the judgement; 6 ms are all that 1,000 rollouts every 15 s may cost, in one
process, with the reading and writing around it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from headrace.api import Phase, RolloutSpec, Status, Traffic, parse_rollout
from headrace.engine.checks.build import checks_of
from headrace.engine.decide import decide
from headrace.engine.judgement import absorb, judge
from headrace.engine.lifecycle import HISTORY_INTERVALS
from headrace.engine.observations import (
    Categories,
    Interval,
    Metric,
    Observations,
    Value,
    VersionState,
    World,
)
from headrace.simulate.peers import ARGO, Peer
from headrace.simulate.scenario import Scenario
from headrace.simulate.traffic import Drawn
from headrace.simulate.traffic import Traffic as Source

SCRAPE = 15.0
SCHEDULE = 80
BEGAN = 1_700_000_000.0
MUST = 200.0
"""Microseconds that the judgement of two checks may take."""

_DIGEST = "sha256:" + "0" * 64
_SPEC = """
metadata: {{name: judged}}
spec:
  model: {{name: m, version: "2", uri: "file:///2", digest: "{digest}"}}
  strategy:
    canary:
      steps:
      - {{weight: 5, hold: 5m}}
      - {{weight: 10, hold: 5m}}
      - {{weight: 25, hold: 5m}}
      - {{weight: 50, hold: 5m}}
  analysis: {{checks: [{checks}]}}
"""
TWO = (
    "{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}",
    "{name: latency, metric: latency, worseThanStable: {ratio: 1.2, quantile: 0.95}}",
)
FIVE = (
    *TWO,
    "{name: slo, metric: error-rate, above: 0.03}",
    "{name: agreement, metric: shadow-agreement, below: 0.97}",
    "{name: drift, metric: prediction-drift, above: {psi: 0.2}}",
)
BINS = tuple(f"{i / 10:g} to {(i + 1) / 10:g}" for i in range(10))
SHARES = (1 / len(BINS),) * len(BINS)
TRAINING = Categories(BINS, (1000.0,) * len(BINS))


@dataclass
class Costs:
    """Microseconds, one entry per tick."""

    judging: list[float] = field(default_factory=list)
    deciding: list[float] = field(default_factory=list)
    idling: list[float] = field(default_factory=list)
    through_json: list[float] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)


def spec_of(checks: Sequence[str]) -> RolloutSpec:
    """Give a canary with these checks."""
    return parse_rollout(_SPEC.format(digest=_DIGEST, checks=", ".join(checks))).spec


def timed(into: list[float], work: Callable[..., object], *arguments: object) -> None:
    """Note the processor time of some work."""
    begun = time.process_time_ns()
    work(*arguments)
    into.append((time.process_time_ns() - begun) / 1000)


def intervals_of(drawn: Drawn, start: float, dice: np.random.Generator) -> tuple[Interval, ...]:
    """Give what was measured in a scrape."""
    stable, candidate, end = drawn.stable, drawn.candidate, start + SCRAPE
    arms = [stable, candidate] if candidate.requests.total else [stable]
    bins = [dice.multinomial(int(arm.requests.total), SHARES).astype(float) for arm in arms]
    seen: dict[Metric, list[Value]] = {
        Metric.REQUESTS: [arm.requests for arm in arms],
        Metric.LATENCY: [arm.latency for arm in arms],
        Metric.PREDICTION: [Categories(BINS, tuple(counts.tolist())) for counts in bins],
    }
    return tuple(
        Interval(metric, start, end, did[0], did[1] if len(did) > 1 else None, reference=TRAINING)
        for metric, did in seen.items()
    )


def one_rollout(spec: RolloutSpec, run: int, costs: Costs) -> None:
    """Drive one rollout through its schedule, and time what is done for it."""
    source = Source(Scenario(), 20, run, interval=SCRAPE, length=SCHEDULE * SCRAPE)
    dice = np.random.default_rng(run)
    stable = spec.model.model_copy(update={"version": "1"})
    status = Status(phase=Phase.HEALTHY, stable=stable)
    ready = VersionState(wanted=1, ready=1)
    world = World({"1": ready, "2": ready}, Traffic(stable=100))
    now = BEGAN
    answer = decide(spec, status, Observations(world=world), now)
    fresh = [
        one
        for index in range(HISTORY_INTERVALS)
        for one in intervals_of(
            source.draw(-1.0, 1.0, 0.0), BEGAN - SCRAPE * (HISTORY_INTERVALS - index), dice
        )
    ]
    peer = Peer(ARGO, SCRAPE)
    for tick in range(SCHEDULE):
        status, world = answer.status, World(world.versions, answer.plan.traffic)
        now += SCRAPE
        weight = answer.plan.traffic.candidate / 100
        drawn = source.draw(now - BEGAN, 1 - weight, weight)
        seen = Observations((*fresh, *intervals_of(drawn, now - SCRAPE, dice)), world=world)
        if tick > 1:
            timed(costs.judging, judged, spec, status, seen, now)
            timed(costs.deciding, decide, spec, status, seen, now)
            timed(costs.idling, decide, spec, status, Observations(world=world), now)
            timed(costs.through_json, through_json, status)
            timed(costs.threshold, peer.rolls_back, drawn)
        answer, fresh = decide(spec, status, seen, now), []


def through_json(status: Status) -> Status:
    """Write the status and read it again."""
    return Status.model_validate_json(status.model_dump_json())


def judged(spec: RolloutSpec, status: Status, seen: Observations, now: float) -> object:
    """Judge without the rest of the tick."""
    checks = checks_of(spec.analysis)
    statuses = absorb(checks, status.checks, seen.intervals, live=True, carried_since=BEGAN)
    return judge(spec.analysis, checks, statuses, (), live=True, started=BEGAN, now=now)


def main(arguments: Sequence[str]) -> int:
    """Print the table; give 1 if the judgement of two checks misses what it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rollouts", type=int, default=40, help="rollouts per row (40)")
    parser.add_argument("--json", type=Path, help="also write all figures there")
    options = parser.parse_args(arguments)
    print(f"microseconds of one processor, medians over {options.rollouts} rollouts")
    print(f"{'':<14}{'judge':>8}{'decide':>8}{'no data':>9}{'json':>8}")
    table = {}
    for name, checks in (("two checks", TWO), ("five checks", FIVE)):
        spec, costs = spec_of(checks), Costs()
        for run in range(options.rollouts):
            one_rollout(spec, run, costs)
        found = {kind: median(values) for kind, values in vars(costs).items()}
        judging, deciding, idling, through_json, threshold = found.values()
        print(f"{name:<14}{judging:>8.0f}{deciding:>8.0f}{idling:>9.0f}{through_json:>8.0f}")
        table[name] = found
    print(f"{'a threshold':<14}{threshold:>8.1f}")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    missed = table["two checks"]["judging"] > MUST
    if missed:
        print(f"MISSED: the judgement of two checks takes more than {MUST:.0f} us")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
