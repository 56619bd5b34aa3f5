"""What a SeldonDeployment is for a while, so that its operator moves users at all."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.api import ModelRollout, ModelSpec, Traffic
from headrace.engine.plan import Plan
from headrace.render.labels import pod_labels
from headrace.render.names import predictor_name
from headrace.render.rendering import render
from headrace.runtime.kubernetes.kinds import POD, SELDON_DEPLOYMENT
from headrace.runtime.kubernetes.predictors import mark_of, servers_for_now, with_servers
from headrace.runtime.kubernetes.seen import APPLIED, Seen, see
from tests.unit.render.rollouts import built, model

STABLE, CANDIDATE = model("6"), model("7")
ALL_STABLE = Traffic(stable=100)
SPLIT = Plan(STABLE, CANDIDATE, Traffic(stable=75, candidate=25))
BACK = Plan(STABLE, CANDIDATE, ALL_STABLE, retreating=True)
PROMOTED = Plan(CANDIDATE, None, ALL_STABLE)


def rollout(**serving: Any) -> ModelRollout:
    return built(router="Seldon", serving={"backend": "Seldon", "replicas": 3, **serving})


def deployment(plan: Plan, **serving: Any) -> dict[str, Any]:
    made = render(rollout(**serving), plan)
    (found,) = (each for each in made if each["kind"] == SELDON_DEPLOYMENT.kind)
    found["metadata"]["annotations"] = {APPLIED: "abc"}
    return found


def pods(of: ModelSpec, ready: int, count: int = 3, *, leaving: bool = False) -> list[Seen]:
    labels = pod_labels(rollout(), of)
    return [
        see(
            POD,
            {
                "metadata": {
                    "name": f"{of.version}-{index}",
                    "uid": f"{of.version}-{index}",
                    "labels": labels,
                    **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if leaving else {}),
                },
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": str(index < ready)}],
                },
            },
        )
        for index in range(count)
    ]


def asked(
    before: Plan,
    plan: Plan,
    *seen: list[Seen],
    stable: ModelSpec = STABLE,
    arrived: bool = True,
    **serving: Any,
) -> int | None:
    """Say how many servers of stable are asked for, after `before` was applied."""
    return servers_for_now(
        deployment(plan, **serving),
        see(SELDON_DEPLOYMENT, deployment(before, **serving)),
        [pod for each in seen for pod in each],
        predictor_name(stable),
        is_moving=False,
        retreating=plan.retreating,
        arrived=arrived,
    )


@pytest.mark.parametrize(
    ("ready", "servers"),
    [(3, None), (2, 2), (1, 1), (0, None)],
    ids=["all are ready", "one is not", "one is", "none is"],
)
def test_servers_that_are_not_ready_are_not_waited_for_in_a_retreat(
    ready: int, servers: int | None
) -> None:
    assert asked(SPLIT, BACK, pods(STABLE, ready), pods(CANDIDATE, 3)) == servers


def test_one_that_stops_being_ready_before_users_have_moved_is_not_waited_for() -> None:
    assert asked(BACK, BACK, pods(STABLE, 2), pods(CANDIDATE, 3)) == 2


def test_all_servers_come_back_once_the_operator_takes_those_of_the_candidate_away() -> None:
    assert asked(BACK, BACK, pods(STABLE, 2)) is None
    assert asked(BACK, BACK, pods(STABLE, 2), pods(CANDIDATE, 3, leaving=True)) is None


def test_they_do_not_come_back_before_anybody_has_seen_that_users_have_moved() -> None:
    assert asked(BACK, BACK, pods(STABLE, 2), arrived=False) == 2
    assert asked(BACK, BACK, pods(STABLE, 3), arrived=False) is None


@pytest.mark.parametrize(
    ("before", "plan"),
    [(SPLIT, SPLIT), (Plan(STABLE, CANDIDATE, ALL_STABLE), SPLIT)],
    ids=["nothing moves", "the candidate gets more"],
)
def test_what_takes_no_users_from_a_candidate_waits_for_all_servers(
    before: Plan, plan: Plan
) -> None:
    assert asked(before, plan, pods(STABLE, 2), pods(CANDIDATE, 3)) is None


def test_a_promotion_waits_for_all_servers_of_the_new_version() -> None:
    everybody = Plan(STABLE, CANDIDATE, Traffic(candidate=100))
    both = (pods(STABLE, 3), pods(CANDIDATE, 2))
    assert asked(SPLIT, everybody, *both) is None
    assert asked(everybody, PROMOTED, *both, stable=CANDIDATE) is None


def test_an_autoscalers_number_is_its_own() -> None:
    scaled: dict[str, Any] = {
        "autoscaling": {"maxReplicas": 5},
        "resources": {"requests": {"cpu": "250m"}},
    }
    assert asked(SPLIT, BACK, pods(STABLE, 2), pods(CANDIDATE, 3), **scaled) is None


def test_what_is_applied_for_now_does_not_pass_for_what_should_be() -> None:
    wanted = deployment(BACK)
    fewer = with_servers(wanted, predictor_name(STABLE), 2)
    assert [each["replicas"] for each in fewer["spec"]["predictors"]] == [2]
    assert mark_of(fewer) == "abc with only 2"
    assert [each["replicas"] for each in wanted["spec"]["predictors"]] == [3]
