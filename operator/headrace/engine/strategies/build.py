"""From the spec to its strategy."""

from __future__ import annotations

from headrace.api import AbTest, Bandit, BlueGreen, Canary, RolloutSpec, Shadow
from headrace.engine.checks import build
from headrace.engine.observations import MetricKey
from headrace.engine.strategies.ab_test import ab_test_strategy
from headrace.engine.strategies.bandit import bandit_strategy
from headrace.engine.strategies.base import Strategy
from headrace.engine.strategies.blue_green import blue_green_strategy
from headrace.engine.strategies.canary import canary_strategy
from headrace.engine.strategies.shadow import shadow_strategy


def strategy_of(spec: RolloutSpec) -> Strategy:
    """Make the strategy that a spec has chosen."""
    chosen, analysis = spec.strategy.chosen, spec.analysis
    match chosen:
        case Canary():
            return canary_strategy(chosen, analysis)
        case Shadow():
            return shadow_strategy(chosen, analysis)
        case BlueGreen():
            return blue_green_strategy(chosen, analysis)
        case AbTest():
            return ab_test_strategy(chosen)
        case Bandit():
            return bandit_strategy(chosen)


def metrics_of(spec: RolloutSpec) -> tuple[MetricKey, ...]:
    """Name every metric that a rollout can use, for its checks and for its strategy."""
    strategy = strategy_of(spec)
    mirrors = any(step.traffic.mirror for step in strategy.steps)
    checks = build.metrics_of(spec.analysis, mirrors=mirrors)
    return tuple(dict.fromkeys((*checks, *strategy.metrics)))
