"""What a model server counts of its requests, and of the rewards that come back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from headrace.serving.bundle import digest
from tests.local.serving.model_server import (
    DEADLINE,
    Server,
    microservice,
    request,
    total,
    wait_until_ready,
)

pytestmark = pytest.mark.local


def test_requests_predictions_and_features_are_counted(server: Server) -> None:
    before = server.metrics()
    assert server.predict(request())[0] == 200
    assert server.predict(request(rows=[]))[0] == 400
    after = server.metrics()

    def increase(name: str, **labels: str) -> float:
        labels = {"model": "flight-delay", "version": "1", **labels}
        return total(after, name, **labels) - total(before, name, **labels)

    assert increase("headrace_requests_total", code="200") == 1
    assert increase("headrace_requests_total", code="400") == 1
    assert increase("headrace_requests_total", code="500") == 0
    assert increase("headrace_request_seconds_count") == 1
    assert 0 < increase("headrace_request_seconds_sum") < DEADLINE
    assert increase("headrace_request_seconds_bucket", le="+Inf") == 1
    assert increase("headrace_prediction_count") == 3
    assert increase("headrace_prediction_bucket", le="+Inf") == 3
    assert increase("headrace_feature_bucket", feature="distance", le="+Inf") == 3
    assert increase("headrace_feature_bucket", feature="hour", le="+Inf") == 3
    name = "headrace_feature_category_total"
    assert increase(name, feature="carrier", category="AA") == 2
    assert increase(name, feature="carrier", category="UA") == 1
    assert increase(name, feature="carrier", category="other") == 0


def test_the_process_and_what_it_serves_are_on_the_metrics_page(
    server: Server, bundles: tuple[Path, Path]
) -> None:
    found = server.metrics()
    labels = {"digest": digest(bundles[0]), "rollout": "flights", "version": "1"}
    assert total(found, "headrace_model_info", **labels) == 1
    assert found["process_resident_memory_bytes{}"] > 10_000_000


def test_counts_are_exact_with_many_clients(server: Server) -> None:
    before = server.metrics()
    with ThreadPoolExecutor(8) as clients:
        codes = list(clients.map(lambda _: server.predict(request())[0], range(200)))
    assert codes == [200] * 200
    after = server.metrics()
    for name, each in [
        ("headrace_requests_total", 200),
        ("headrace_request_seconds_count", 200),
        ("headrace_prediction_count", 600),
    ]:
        assert total(after, name) - total(before, name) == each


def test_rewards_are_counted_with_zeros(server: Server) -> None:
    before = server.metrics()
    assert server.feedback({"reward": 0})[0] == 200
    status, document = server.feedback({"reward": 1, "request": request(), "puid": "x"})
    assert status == 200
    assert document["meta"]["tags"]["version"] == "1"
    after = server.metrics()
    assert (
        total(after, "headrace_reward_count") - total(before, "headrace_reward_count"),
        total(after, "headrace_reward_sum") - total(before, "headrace_reward_sum"),
    ) == (2, 1)
    bucket = "headrace_reward_bucket"
    assert total(after, bucket, le="0.0") - total(before, bucket, le="0.0") == 1


def test_rewards_are_counted_by_the_segment_of_the_request(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    with microservice(bundles[0], tmp_path, environ={"HEADRACE_SEGMENTS": "country"}) as found:
        server = wait_until_ready(found)
        name = "headrace_segment_reward_count"
        assert total(server.metrics(), name, segment="other") == 0
        asked = request() | {"meta": {"tags": {"country": "São Tomé", "device": "phone"}}}
        assert server.predict(asked)[0] == 200
        assert server.feedback({"reward": 0.5, "request": asked})[0] == 200
        assert server.feedback({"reward": 1})[0] == 200
        after = server.metrics()
        assert total(after, name, segment="São Tomé") == total(after, name, segment="other") == 1
        assert total(after, "headrace_segment_reward_sum", segment="São Tomé") == 0.5
        assert total(after, "headrace_reward_count") == 2


@pytest.mark.parametrize("body", [{}, {"reward": "1"}, {"reward": 2}, {"reward": True}, []])
def test_feedback_without_a_reward_is_refused_and_not_counted(server: Server, body: Any) -> None:
    before = server.metrics()
    status, document = server.feedback(body)
    assert status == 400
    assert "reward" in document["status"]["info"]
    name = "headrace_reward_count"
    assert total(server.metrics(), name) == total(before, name)
