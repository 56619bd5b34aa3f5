"""The whole platform with the real model server: seldon-core, ONNX, the comparator, Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from onnx import TensorProto, helper

from headrace.protocol import FEEDBACK, PREDICTIONS, VERSION_HEADER
from headrace.runtime.local.loopback import get_json
from headrace.runtime.local.platform import LocalPlatform
from tests.local.local_rollouts import Run, Users, await_true, package, plan, post, rollout

pytestmark = pytest.mark.local

REQUEST = {"data": {"names": ["distance"], "ndarray": [[0.4]]}}


def sigmoid_of(factor: float) -> bytes:
    """Build a graph: late = sigmoid(factor * distance)."""
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["distance", "factor"], ["scaled"]),
            helper.make_node("Sigmoid", ["scaled"], ["late"]),
        ],
        "model",
        [helper.make_tensor_value_info("distance", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("late", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])],
    )
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    models = {
        version: package(tmp_path, version, sigmoid_of(factor))
        for version, factor in (("1.5", 1.0), ("2", -1.0))
    }
    with LocalPlatform(tmp_path / "run", scrape_interval=0.5) as platform:
        yield Run(platform, rollout(models["1.5"]), tmp_path, models)


def ask(run: Run, query: str) -> float:
    """Ask Prometheus for one number; NaN while there is none."""
    port = int(run.platform.prometheus_url.rsplit(":", 1)[1])
    result = get_json(port, f"/api/v1/query?query={quote(query)}")["data"]["result"]
    assert len(result) <= 1
    return float(result[0]["value"][1]) if result else math.nan


def test_a_rollout_with_real_servers_loses_no_request_and_prometheus_counts_all(run: Run) -> None:
    stable, candidate = run.models["1.5"], run.models["2"]
    run.go(stable)
    status, headers, body = post(run.platform.url, PREDICTIONS, REQUEST)
    assert (status, headers[VERSION_HEADER]) == (200, "1.5")
    assert body["data"]["ndarray"][0][0] == pytest.approx(1 / (1 + math.exp(-0.4)))
    with Users(run.platform.url, rate=20, body=REQUEST) as users:
        run.go(stable, candidate, mirror=100)
        time.sleep(6)
        run.go(stable, candidate, weight=50)
        time.sleep(2)
        version = {"x_headrace_version": "2"}
        assert post(run.platform.url, FEEDBACK, {"reward": 0.0}, **version)[0] == 200
        time.sleep(1.5)
        run.go(candidate)
        time.sleep(1.5)
    assert users.failed == []

    def live(version: str) -> str:
        name = f"models/flight-delay/{version}/live"
        return f'envoy_cluster_upstream_rq_xx{{envoy_cluster_name="{name}"}}'

    answered = {v: sum(a[1] == v for a in users.answers) for v in ("1.5", "2")}
    await_true(lambda: ask(run, live("2")) == answered["2"], "all answers of 2 are counted")
    # The old version is gone by now; its last answers were counted before it went.
    assert ask(run, f"last_over_time({live('1~5')}[5m])") == answered["1.5"] + 1
    assert ask(run, 'sum(headrace_reward_count{version="2"})') == 1
    disagreements = 'headrace_shadow_disagreements_total{version="2",stable_version="1.5"}'
    assert ask(run, f"last_over_time({disagreements}[5m])") > 100
    latency = 'envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~".*/2/live",le="1000"}'
    assert ask(run, latency) > 0


def test_a_killed_server_comes_back_with_its_model(run: Run) -> None:
    run.go(run.models["1.5"])
    run.kill("server-1.5-0")
    await_true(lambda: run.observe().versions["1.5"].ready == 0, "it is seen dead")
    await_true(lambda: run.observe().versions["1.5"].ready == 1, "it is ready again")
    assert run.observe().versions["1.5"].restarts == 1
    assert post(run.platform.url, PREDICTIONS, REQUEST)[0] == 200


def test_a_bundle_that_cannot_be_loaded_is_refused_by_its_server(run: Run) -> None:
    broken = package(run.folder, "3", b"no graph")
    run.go(run.models["1.5"])
    run.platform.apply(run.rollout, plan(run.models["1.5"], broken))
    await_true(lambda: run.observe().versions["3"].refused, "it is refused")
    state = run.observe().versions["3"]
    assert state.refused.startswith("InvalidBundle: ")
    assert (state.ready, state.restarts) == (0, 0)
    assert post(run.platform.url, PREDICTIONS, REQUEST)[0] == 200
