"""SeldonDeployments through the whole controller.

The Seldon operator itself is not here: its part is played by a double that follows its rules, and
fails the test where its webhook would refuse. See `tests/cluster/seldon_operator.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headrace.api import Phase
from headrace.runtime.kubernetes.kinds import SELDON_DEPLOYMENT
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.stage import Stage, staged

SPEC: dict[str, Any] = {
    "serving": {"backend": "Seldon", "replicas": 2},
    "routing": {"provider": "Seldon"},
}


@pytest.fixture(scope="module")
def theatre(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(server, tmp_path_factory.mktemp("seldon")) as one:
        one.start()
        names = ("good", "bad")
        for name in names:
            one.another(name).apply("1", **SPEC)
        for name in names:
            one.another(name).until(Phase.HEALTHY, "1")
        one.play.unserved = 0
        yield one


def predictors(stage: Stage) -> dict[str, tuple[int, bool]]:
    """Give what is asked of the operator: weight, and whether it is a shadow, by version."""
    found = stage.cluster.get(SELDON_DEPLOYMENT, stage.namespace, stage.name)
    assert found is not None
    return {
        each["labels"]["headrace.dev/version"]: (each["traffic"], each.get("shadow", False))
        for each in found["spec"]["predictors"]
    }


def test_a_better_version_is_shadowed_weighted_and_promoted_and_no_pod_restarts(
    theatre: Stage,
) -> None:
    stage = theatre.another("good")
    assert stage.weights() == {"1": 100}
    stage.apply("2", **SPEC)
    seen: set[tuple[str, tuple[int, bool]]] = set()

    def promoted(status: dict[str, Any]) -> bool:
        seen.update(predictors(stage).items())
        return bool(status["phase"] == Phase.HEALTHY and status["stable"]["version"] == "2")

    stage.when(promoted)
    assert ("2", (100, True)) in seen, "a shadow"
    assert {("2", (20, False)), ("2", (50, False))} <= seen
    eventually(lambda: predictors(stage) == {"2": (100, False)})
    assert stage.history() == [("1", "Live"), ("2", "Promoted")]
    assert stage.play.copies["2"] > 0
    assert stage.play.answers["2", "2"] > 0
    assert stage.play.operator.restarted == []
    assert stage.play.unserved == 0
    eventually(lambda: stage.weights() == {"2": 100})


def test_a_worse_version_is_rolled_back_by_removing_its_predictor(theatre: Stage) -> None:
    stage = theatre.another("bad")
    stage.play.behave("b").errors = 0.3
    stage.apply("b", **SPEC)
    status = stage.until(Phase.ROLLED_BACK, "1")
    assert "candidate failed" in status["decision"]["message"]
    assert predictors(stage) == {"1": (100, False)}
    eventually(lambda: stage.weights() == {"1": 100})
