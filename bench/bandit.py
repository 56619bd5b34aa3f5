"""What learning costs: the rewards that a bandit loses, in its own engine.

Two arms earn .10 and .12 with one reward a second for 12 hours. The strategy of the spec decides
as in a cluster: an interval every 15 s, weights in whole per cent, the state through its JSON.
Regret is what would have been earned by the better arm alone, less what was: counted in expected
rewards, so that luck of single rewards does not blur it.

Beside it: an even split, and epsilon-greedy (the leader gets all but the floor), on the same dice.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from headrace.api import Status, parse_rollout
from headrace.engine.observations import Interval, Metric, Observations, Sums
from headrace.engine.steps import weights_of
from headrace.engine.strategies.bandit import BanditStrategy
from headrace.engine.strategies.build import strategy_of

INTERVAL = 15.0
HOURS = 12.0

_DIGEST = "sha256:" + "0" * 64
_SPEC = """
metadata: {{name: bandit}}
spec:
  model: {{name: m, version: "2", uri: "file:///2", digest: "{digest}"}}
  challengers: [{challengers}]
  strategy: {{bandit: {{reward: reward, floor: {floor}, update: {update}}}}}
  analysis: {{checks: [{{name: errors, metric: error-rate, above: 0.5}}]}}
"""


def prepare(floor: int, update: str, arms: int) -> tuple[BanditStrategy, Status]:
    """Give the strategy and a status in which its arms have just begun."""
    models = [
        f'{{name: m, version: "{i}", uri: "file:///{i}", digest: "{_DIGEST}"}}'
        for i in range(1, arms + 1)
    ]
    text = _SPEC.format(
        digest=_DIGEST, challengers=", ".join(models[2:]), floor=floor, update=update
    )
    spec = parse_rollout(text).spec
    strategy = strategy_of(spec)
    assert isinstance(strategy, BanditStrategy)
    stable = spec.model.model_copy(update={"version": "1"})
    challengers = [{"model": model} for model in spec.challengers]
    status = {"stable": stable, "candidate": spec.model, "challengers": challengers, "started": 0.0}
    return strategy, Status.model_validate(status)


def regret(
    means: list[float], floor: int, update: str, rate: float, policy: str, seed: int
) -> float:
    """Run once and count the lost rewards."""
    dice = np.random.default_rng(seed)
    strategy, status = prepare(floor, update, len(means))
    versions = [str(i) for i in range(1, len(means) + 1)]
    best, lost = max(means), 0.0
    earned = dict.fromkeys(versions, Sums(0.0, 0.0))
    for step in range(int(HOURS * 3600 / INTERVAL)):
        end = (step + 1) * INTERVAL
        weights: dict[str, float] = {**weights_of(strategy.traffic(status), status)}
        if policy != "bandit":
            weights = _other(policy, earned, floor)
        shares = np.array([weights[version] for version in versions]) / 100
        counts = dice.multinomial(dice.poisson(rate * INTERVAL), shares)
        fresh = {
            version: Sums(float(n), float(dice.binomial(n, mean)))
            for version, n, mean in zip(versions, counts, means, strict=True)
        }
        lost += float(sum(n * (best - mean) for n, mean in zip(counts, means, strict=True)))
        for version, more in fresh.items():
            before = earned[version]
            earned[version] = Sums(before.count + more.count, before.sum + more.sum)
        if policy != "bandit":
            continue
        intervals = tuple(
            Interval(Metric.REWARD, end - INTERVAL, end, fresh["1"], fresh[version], challenger)
            for version, challenger in zip(versions[1:], ("", *versions[2:]), strict=True)
        )
        status = strategy.learn(status, Observations(intervals), end)
    assert status == Status.model_validate_json(status.model_dump_json())
    return lost


def _other(policy: str, earned: dict[str, Sums], floor: int) -> dict[str, float]:
    arms = len(earned)
    if policy == "even":
        return dict.fromkeys(earned, 100 / arms)
    leader = max(earned, key=lambda arm: earned[arm].sum / max(earned[arm].count, 1.0))
    return {arm: 100 - floor * (arms - 1) if arm == leader else floor for arm in earned}


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cells = [
        ("bandit", 1, "5m", [0.10, 0.12]),
        ("bandit", 5, "5m", [0.10, 0.12]),
        ("bandit", 5, "1m", [0.10, 0.12]),
        ("bandit", 1, "5m", [0.10, 0.11]),
        ("bandit", 1, "5m", [0.10, 0.11, 0.12]),
        ("greedy", 1, "5m", [0.10, 0.12]),
        ("even", 1, "5m", [0.10, 0.12]),
    ]
    rows = []
    for policy, floor, update, means in cells:
        runs = [regret(means, floor, update, 1.0, policy, seed) for seed in range(options.runs)]
        low, median, high = (float(q) for q in np.quantile(runs, [0.1, 0.5, 0.9]))
        mean, error = float(np.mean(runs)), float(np.std(runs) / np.sqrt(len(runs)))
        rows.append((policy, floor, update, means, mean, error, low, median, high))
        if not options.json:
            arms = "/".join(f"{m:.2f}" for m in means)
            print(
                f"{policy:8} floor {floor} % update {update:3} {arms:15} lost {mean:6.1f} "
                f"± {error:4.1f}   (10 %: {low:.0f}, 50 %: {median:.0f}, 90 %: {high:.0f})",
                flush=True,
            )
    if options.json:
        names = ("policy", "floor", "update", "means", "lost", "error", "p10", "p50", "p90")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))


if __name__ == "__main__":
    main()
