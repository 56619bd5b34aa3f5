"""Every router against a real API server: what is applied, what is seen, and what goes when."""

from __future__ import annotations

import pytest

from headrace.api import Traffic
from headrace.engine.plan import Plan
from headrace.errors import PlatformUnavailable
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, SELDON_DEPLOYMENT, VIRTUAL_SERVICE
from tests.cluster.api_server import ApiServer
from tests.cluster.scenes import ALONE, CANDIDATE, STABLE, Scene, scene_of, split
from tests.unit.render.rollouts import model


@pytest.mark.parametrize("router", ["GatewayAPI", "Istio", "None"])
def test_every_router_settles_and_costs_nothing_then(server: ApiServer, router: str) -> None:
    with scene_of(server, router=router) as scene:
        scene.settle(split(0))
        assert scene.apply(split(0)) == 0
        assert scene.apply(split(100)) == 1
        scene.apply(Plan(stable=CANDIDATE, candidate=None, traffic=Traffic(stable=100)))
        scene.clock.advance(10)
        scene.settle(Plan(stable=CANDIDATE, candidate=None, traffic=Traffic(stable=100)))
        assert len(scene.names(DEPLOYMENT)) == 1


def test_what_istio_carries_is_read_off_its_object(server: ApiServer) -> None:
    with scene_of(server, router="Istio") as scene:
        scene.with_status(stable=STABLE, candidate=CANDIDATE)
        traffic = Traffic(stable=100, mirror=30)
        scene.apply(Plan(stable=STABLE, candidate=CANDIDATE, traffic=traffic))
        assert scene.platform.observe(scene.rollout).traffic == traffic
        scene.apply(split(25))
        assert scene.platform.observe(scene.rollout).traffic == split(25).traffic
        assert scene.names(VIRTUAL_SERVICE) == {"flight-delay"}


def test_a_service_in_front_sends_everybody_to_one_version(server: ApiServer) -> None:
    with scene_of(server, router="None") as scene:
        scene.with_status(stable=STABLE, candidate=CANDIDATE)
        scene.apply(split(0))
        assert scene.platform.observe(scene.rollout).traffic == Traffic(stable=100)
        scene.apply(split(100))
        assert scene.platform.observe(scene.rollout).traffic == Traffic(candidate=100)


def predictors(scene: Scene) -> dict[str, int]:
    """Give the traffic of every predictor, by version."""
    found, _ = scene.cluster.list(SELDON_DEPLOYMENT, scene.rollout.metadata.namespace)
    return {
        each["labels"]["headrace.dev/version"]: each["traffic"]
        for deployment in found
        for each in deployment["spec"]["predictors"]
    }


def test_seldon_rolls_back_by_removing_the_predictor(server: ApiServer) -> None:
    with scene_of(server, backend="Seldon", router="Seldon") as scene:
        scene.settle(split(25))
        assert predictors(scene) == {"6": 75, "7": 25}
        back = Plan(STABLE, CANDIDATE, Traffic(stable=100), retreating=True)
        assert scene.apply(back) == 1
        assert predictors(scene) == {"6": 100}


def test_a_predictor_stays_until_our_route_no_longer_leads_to_it(server: ApiServer) -> None:
    with scene_of(server, backend="Seldon", router="GatewayAPI") as scene:
        with pytest.raises(PlatformUnavailable, match="waits for the Services"):
            scene.apply(split(25))
        scene.operator.reconcile()
        scene.settle(split(25))
        assert predictors(scene) == {"6": 100, "7": 0}
        scene.apply(ALONE)
        assert predictors(scene) == {"6": 100, "7": 0}
        assert scene.apply(ALONE) == 0
        scene.gateways.take()
        scene.settle(ALONE)
        assert predictors(scene) == {"6": 100}


def test_a_newer_candidate_comes_while_the_one_before_it_may_still_be_asked(
    server: ApiServer,
) -> None:
    with scene_of(server, backend="Seldon", router="GatewayAPI") as scene:
        with pytest.raises(PlatformUnavailable, match="waits for the Services"):
            scene.apply(split(25))
        scene.operator.reconcile()
        scene.settle(split(25))
        newer = Plan(STABLE, model("8"), Traffic(stable=100))
        with pytest.raises(PlatformUnavailable, match="waits for the Services"):
            scene.apply(newer)
        assert predictors(scene) == {"6": 100, "8": 0, "7": 0}
        scene.operator.reconcile()
        scene.settle(newer)
        assert predictors(scene) == {"6": 100, "8": 0}
