"""Strategies as users write them: the page's examples, and faults that are named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.api import ModelRollout, parse_rollout
from headrace.engine.strategies.build import strategy_of
from headrace.errors import InvalidRollout

PAGE = Path(__file__).resolve().parents[3] / "docs" / "strategies.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
CHECKS = [{"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 1.5}}]


def model(version: str, name: str = "flight-delay") -> dict[str, str]:
    return {"name": name, "version": version, "uri": "s3://m", "digest": "sha256:" + "0" * 64}


def read(spec: dict[str, Any]) -> ModelRollout:
    whole = {"model": model("7"), "analysis": {"checks": CHECKS}} | spec
    return parse_rollout(yaml.safe_dump({"metadata": {"name": "flight-delay"}, "spec": whole}))


def faults_of(spec: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidRollout) as caught:
        read(spec)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_page_is_valid_and_survives_being_written(block: str) -> None:
    rollout = read(yaml.safe_load(block))
    assert strategy_of(rollout.spec)
    written = rollout.model_dump(mode="json", exclude={"status"}, exclude_none=True)
    assert parse_rollout(yaml.safe_dump(written)).spec == rollout.spec


def test_the_page_has_an_example_of_every_strategy() -> None:
    shown = {name for block in BLOCKS for name in yaml.safe_load(block)["strategy"]}
    assert shown == {"canary", "shadow", "blueGreen", "abTest", "bandit"}


def test_an_idle_candidate_stays_idle_when_it_is_written() -> None:
    rollout = read({"strategy": {"blueGreen": {"prePromotion": {"hold": "1m", "mirror": 0}}}})
    written = rollout.model_dump(mode="json", exclude={"status"}, exclude_none=True)
    again = parse_rollout(yaml.safe_dump(written)).spec.strategy.blue_green
    assert again is not None
    assert again.pre_promotion.mirror == 0


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        pytest.param(
            {}, "spec.strategy: has none; expected exactly one of canary", id="no strategy"
        ),
        pytest.param(
            {"shadow": {"hold": "1h"}, "bandit": {"reward": "reward"}},
            "spec.strategy: has shadow and bandit; expected exactly one of",
            id="two strategies",
        ),
        pytest.param(
            {"abTest": {"split": 50}},
            "spec.strategy.abTest.goal: is missing",
            id="an A/B test without a goal",
        ),
        pytest.param(
            {"abTest": {"goal": "clicks"}},
            "spec.strategy.abTest.goal: is 'clicks'; expected one of 'reward'",
            id="a goal that nobody counts",
        ),
        pytest.param(
            {"abTest": {"goal": "reward", "split": 100}},
            "spec.strategy.abTest.split: is 100; expected less than or equal to 99",
            id="a split that leaves stable nothing",
        ),
        pytest.param(
            {"abTest": {"goal": "reward", "segments": "the country"}},
            "spec.strategy.abTest.segments: is 'the country'",
            id="segments by what is no name of a tag",
        ),
        pytest.param(
            {"shadow": {"hold": "0s"}},
            "spec.strategy.shadow.hold: is zero; expected a duration above zero",
            id="a shadow that lasts no time",
        ),
        pytest.param(
            {"blueGreen": {}},
            "spec.strategy.blueGreen.prePromotion: is missing",
            id="blue/green without a time before the switch",
        ),
        pytest.param(
            {"shadow": {"hold": "1h", "postPromotion": {"hold": "0s"}}},
            "spec.strategy.shadow.postPromotion.hold: is zero",
            id="a watch that lasts no time",
        ),
        pytest.param(
            {"bandit": {"reward": "reward", "stop": {}}},
            "spec.strategy.bandit.stop: has neither; expected expectedLoss",
            id="a rule to stop that says nothing",
        ),
        pytest.param(
            {"bandit": {"reward": "reward", "update": "0s"}},
            "spec.strategy.bandit.update: is zero",
            id="updates all the time",
        ),
        pytest.param(
            {"bandit": {"reward": "reward", "floor": 0}},
            "spec.strategy.bandit.floor: is 0; expected greater than or equal to 1",
            id="an arm that is never seen",
        ),
        pytest.param(
            {"canary": {"steps": [{"analysis": "5m"}]}},
            "spec.strategy.canary.steps[0].analysis: is the first step",
            id="an analysis of nothing",
        ),
        pytest.param(
            {"canary": {"steps": [{"weight": 5, "hold": "5m"}, {"analysis": "5m", "hold": "1m"}]}},
            "spec.strategy.canary.steps[1].hold: an analysis step has its time already",
            id="an analysis with two times",
        ),
        pytest.param(
            {"canary": {"steps": [{"weight": 5, "hold": "5m"}], "ramp": {"badRequests": 0}}},
            "spec.strategy.canary.ramp.badRequests: is 0",
            id="a ramp without a budget",
        ),
    ],
)
def test_a_fault_of_a_strategy_is_named(strategy: dict[str, Any], expected: str) -> None:
    (found,) = faults_of({"strategy": strategy})
    assert found.startswith(expected)


CANARY = {"canary": {"steps": [{"weight": 5, "hold": "5m"}]}}
AB = {"abTest": {"goal": "reward"}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"strategy": CANARY, "challengers": [model("8")]},
            "spec.challengers: has 1, and this strategy tests one version",
            id="challengers of a canary",
        ),
        pytest.param(
            {"strategy": AB, "challengers": [model("8"), model("7")]},
            "spec.challengers[1].version: '7' is named twice",
            id="a version twice",
        ),
        pytest.param(
            {"strategy": AB, "challengers": [model("8", "other")]},
            "spec.challengers[0].name: is other; expected flight-delay",
            id="another model as a challenger",
        ),
        pytest.param(
            {
                "strategy": {"bandit": {"reward": "reward", "floor": 30}},
                "challengers": [model("8"), model("9")],
            },
            "spec.strategy.bandit.floor: is 30 for each of up to 4 arms; expected at most 25",
            id="floors that are more than everything",
        ),
        pytest.param(
            {
                "strategy": {"canary": CANARY["canary"] | {"ramp": {"badRequests": 9}}},
                "analysis": {"checks": [{"name": "slo", "metric": "error-rate", "above": 0.1}]},
            },
            "spec.strategy.canary.ramp: has nothing that counts bad requests",
            id="a ramp that nothing bounds",
        ),
    ],
)
def test_a_fault_between_the_parts_is_named(spec: dict[str, Any], expected: str) -> None:
    (found,) = faults_of(spec)
    assert found.startswith(expected)
