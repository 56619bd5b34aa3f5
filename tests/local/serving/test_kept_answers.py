"""The answers that a model server keeps for a while, so that two versions can be compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.serving.model_server import ROWS, Server, microservice, request, wait_until_ready

pytestmark = pytest.mark.local


def test_answers_are_kept_by_request_id(server: Server) -> None:
    start = server.answers(10**9)[1]
    boot = start["boot"]
    last = server.answers()[1]["next"]
    _, one = server.predict(request([ROWS[0]]), "ring-1")
    server.predict(request(), "ring-2")
    server.predict(request())
    server.predict(request(rows=[]), "ring-3")
    status, page = server.answers(last)
    assert status == 200
    assert page["boot"] == boot
    output = {"name": "late", "kind": "probability", "threshold": 0.5, "tolerance": None}
    assert page["output"] == output
    assert page["version"] == "1"
    (_, first_id, first), (sequence, second_id, second) = page["answers"]
    assert (first_id, second_id) == ("ring-1", "ring-2")
    assert [[first]] == one["data"]["ndarray"]
    assert len(second) == 3
    assert page["next"] == sequence
    assert server.answers(sequence)[1]["answers"] == []


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "%C2%B2"])
def test_a_sequence_number_that_is_none_is_refused(server: Server, after: str) -> None:
    status, document = server.answers(after)
    assert status == 400
    assert "expected a sequence number" in document["error"]


def test_an_unknown_page_of_the_metrics_port_is_not_found(server: Server) -> None:
    assert server.call("GET", "/secrets", port=server.metrics_port)[0] == 404


def test_a_share_of_no_ids_keeps_no_answers(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    with microservice(bundles[0], tmp_path, environ={"HEADRACE_SAMPLE_SHARE": "0"}) as found:
        server = wait_until_ready(found)
        assert server.predict(request(), "id-1")[0] == 200
        assert server.answers()[1]["answers"] == []
