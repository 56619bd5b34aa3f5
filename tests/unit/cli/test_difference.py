"""Two states of an object, compared as people read them."""

from __future__ import annotations

from typing import Any

from headrace.cli.difference import difference

LIVE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "a",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "generation": 3,
        "labels": {"team": "ml"},
        "managedFields": [{"manager": "x"}],
        "resourceVersion": "7",
        "uid": "u",
    },
    "spec": {"template": {"metadata": {"creationTimestamp": None}}, "ports": [{"port": 1}]},
    "status": {"loadBalancer": {}},
}


def test_what_only_the_server_writes_is_no_difference() -> None:
    metadata = {**LIVE["metadata"], "generation": 4, "resourceVersion": "8", "managedFields": []}
    after = {**LIVE, "metadata": metadata, "status": {}}
    assert difference("a", LIVE, after).lines == ()


def test_a_change_is_shown_with_what_is_around_it() -> None:
    found = difference("Service a", LIVE, {**LIVE, "spec": {"ports": [{"port": 2}]}})
    assert found.lines[:2] == ("--- Service a (in the cluster)", "+++ Service a (rendered)")
    assert [line for line in found.lines[2:] if line[0] in "+-"] == [
        "-  template:",
        "-    metadata: {}",
        "-  - port: 1",
        "+  - port: 2",
    ]


def test_what_is_not_there_is_all_new() -> None:
    lines = difference("Service a", None, LIVE).lines
    assert lines[0] == "--- /dev/null"
    assert all(line.startswith("+") for line in lines[3:])
    assert "+  uid: u" not in lines
