"""The stages, and that the engine's own plans are among them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.engine.steps import ALL_STABLE
from headrace.render.names import version_name
from headrace.render.stages import stages
from tests.unit.engine.rollouts import World, live
from tests.unit.render.rollouts import RULES, built, model


@pytest.mark.parametrize(
    ("strategy", "names"),
    [
        ("canary", ["shadow:30", "canary:1", "canary:99"]),
        ("shadow", ["shadow:7"]),
        ("blueGreen", ["shadow:100"]),
        ("abTest", ["abTest:50"]),
        ("bandit", ["bandit:50"]),
    ],
)
def test_a_strategy_has_its_stages(strategy: str, names: list[str]) -> None:
    found = [stage.name for stage in stages(built(strategy), model("6"))]
    kept = ["kept"] if "keepPrevious" in RULES[strategy] else []
    ends = ["promoting", *kept, "promoted", "rolling-back", "rolled-back"]
    assert found == ["first", "idle", *names, "paused", *ends]


def test_without_the_version_before_only_those_with_one_version_are_known() -> None:
    assert [stage.name for stage in stages(built(), None)] == ["first", "promoted"]


def test_a_pause_has_the_traffic_of_its_step() -> None:
    found = {stage.name: stage.plan for stage in stages(built(), model("6"))}
    assert found["paused"] == found["canary:99"]


def test_a_version_with_another_bundle_has_another_name_and_the_same_has_the_same() -> None:
    rollout = built()
    again = model("7")
    assert version_name(rollout, again) == version_name(rollout, model("7"))
    changed = [
        again.model_copy(update={"digest": "sha256:" + "f" * 64}),
        again.model_copy(update={"uri": "s3://elsewhere/7"}),
        again.model_copy(update={"handler": "my.Server"}),
        again.model_copy(update={"version": "7.0"}),
        again.model_copy(update={"version": "7-0"}),
    ]
    assert len({version_name(rollout, each) for each in (again, *changed)}) == 6


@pytest.mark.parametrize("errors", [0.01, 0.5], ids=["promoted", "rolled back"])
def test_what_the_engine_plans_is_one_of_the_stages(errors: float) -> None:
    world: World = live()
    world.want("2")
    known = stages(world.rollout, world.status.stable)
    world.metrics.script.candidate_errors = errors
    passed: set[str] = set()
    for _ in range(400):
        # A stage is of no rollout in particular, and so nothing tells why users go back.
        plan = replace(world.tick().plan, retreat=None)
        names = {stage.name for stage in known if stage.plan == plan}
        if not names:
            # Before its first step a candidate starts, and has no traffic.
            assert plan.candidate is not None
            assert plan.traffic == ALL_STABLE
        passed |= names
        if world.status.candidate is None:
            break
    good, bad = {"promoting", "promoted"}, {"rolling-back", "rolled-back"}
    assert "shadow:100" in passed
    assert passed & (good | bad) == (good if errors < 0.1 else bad)
