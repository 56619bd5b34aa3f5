"""Paths, refusals and streams of changes, as the API server's conventions have them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import (
    Conflict,
    HeadraceError,
    InvalidInput,
    NotFound,
    PermanentError,
    PlatformUnavailable,
    SetupError,
)
from headrace.runtime.kubernetes.answers import Changes, Expired, NoAnswer, decoded, refusal
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.documents import Document
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, SERVICE, Kind, kind_of

NODE = Kind("v1", "Node", "nodes", namespaced=False)
PATHS = {
    "all of a kind": (DEPLOYMENT.path(), "/apis/apps/v1/deployments"),
    "those of a namespace": (SERVICE.path("a"), "/api/v1/namespaces/a/services"),
    "one of them": (SERVICE.path("a", "b"), "/api/v1/namespaces/a/services/b"),
    "a part of one": (
        DEPLOYMENT.path("a", "b", "status"),
        "/apis/apps/v1/namespaces/a/deployments/b/status",
    ),
    "one that is in no namespace": (NODE.path("a", "b"), "/api/v1/nodes/b"),
    "a hostile name": (SERVICE.path("a", "../b?c"), "/api/v1/namespaces/a/services/..%2Fb%3Fc"),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS)
def test_the_path_of(path: str, expected: str) -> None:
    assert path == expected


def test_kinds_that_headrace_does_not_write_are_refused() -> None:
    assert kind_of({"apiVersion": "apps/v1", "kind": "Deployment"}) == DEPLOYMENT
    with pytest.raises(InvalidInput, match="Secret of v1"):
        kind_of({"apiVersion": "v1", "kind": "Secret"})


REFUSALS: dict[str, tuple[int, type[HeadraceError], str]] = {
    "not found": (404, NotFound, "nothing at /x"),
    "changed meanwhile": (409, Conflict, "why"),
    "too old a version": (410, Expired, "why"),
    "not permitted": (403, PermanentError, "may not patch services"),
    "invalid": (422, PermanentError, "refused to patch the Service: why"),
    "a token that ran out": (401, NoAnswer, "cannot patch services now"),
    "too many requests": (429, NoAnswer, "cannot patch services now"),
    "an error of its own": (500, NoAnswer, "cannot patch services now"),
    "a proxy without a server": (503, NoAnswer, "cannot patch services now"),
}


@pytest.mark.parametrize(("code", "error", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is(code: int, error: type[HeadraceError], words: str) -> None:
    found = refusal("patch", SERVICE, "/x", code, {}, {"message": "why"})
    assert type(found) is error
    assert words in str(found)


def test_a_kind_that_the_cluster_lacks_is_named() -> None:
    found = refusal("patch", HTTP_ROUTE, "/x", 404, {}, "404 page not found")
    assert type(found) is NotFound
    assert str(found) == (
        "The cluster has no HTTPRoutes of gateway.networking.k8s.io/v1: install their CRD."
    )


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 1.0), ("soon", 1.0), ("-3", 1.0), (None, 1.0)]
)
def test_how_long_to_wait_is_taken_if_it_can_be_read(header: str | None, seconds: float) -> None:
    headers = {} if header is None else {"Retry-After": header}
    found = refusal("get", SERVICE, "/x", 429, headers, "slow down")
    assert isinstance(found, PlatformUnavailable)
    assert found.retry_after == seconds


def test_an_answer_that_is_no_json_is_told_as_it_is() -> None:
    body = decoded(b"<html>bad gateway\xff</html>")
    assert "<html>bad gateway" in str(refusal("get", SERVICE, "/x", 502, {}, body))


class Stream:
    """Gives bytes in pieces, as a connection does."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def stream(self, most: int) -> Iterator[bytes]:
        return iter(self.pieces)


def changes(pieces: list[bytes]) -> list[tuple[str, dict[str, Any]]]:
    return list(Changes(cast(urllib3.BaseHTTPResponse, Stream(pieces))))


def line(change: str, thing: object) -> bytes:
    return json.dumps({"type": change, "object": thing}).encode() + b"\n"


@given(st.lists(st.integers(1, 40), max_size=20))
def test_changes_come_whole_wherever_the_connection_cuts_them(cuts: list[int]) -> None:
    whole = line("ADDED", {"a": "ä\\n"}) + line("BOOKMARK", {"b": 2}) + line("DELETED", {})
    pieces, rest = [], whole + b'{"type": "ADDED", "obj'
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert changes([*pieces, rest]) == [
        ("ADDED", {"a": "ä\\n"}),
        ("BOOKMARK", {"b": 2}),
        ("DELETED", {}),
    ]


BROKEN: dict[str, tuple[bytes, type[HeadraceError]]] = {
    "the version is forgotten": (line("ERROR", {"code": 410, "message": "too old"}), Expired),
    "the server gives up": (line("ERROR", {"code": 500}), PlatformUnavailable),
    "it is no JSON": (b"oops\n", PlatformUnavailable),
    "it is no change": (b"[]\n", PlatformUnavailable),
    "it has no object": (b'{"type": "ADDED"}\n', PlatformUnavailable),
}


@pytest.mark.parametrize(("text", "error"), BROKEN.values(), ids=BROKEN)
def test_a_watch_ends_when(text: bytes, error: type[HeadraceError]) -> None:
    with pytest.raises(error):
        changes([text])


CONTEXT = b"current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\n"
KUBECONFIGS = {
    "nothing": b"",
    "no YAML": b"a: [",
    "a list": b"[1]",
    "a text": b"hello",
    "bytes": b"\xff\xfe\x00",
    "numbers": b"current-context: 3\ncontexts: 3\n",
    "no cluster": CONTEXT + b"clusters: []\n",
    "a certificate that is not there": CONTEXT
    + b"clusters: [{name: b, cluster: {server: 'https://x', certificate-authority: /nowhere}}]\n",
}


@pytest.mark.parametrize("text", KUBECONFIGS.values(), ids=KUBECONFIGS)
def test_a_kubeconfig_with(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_bytes(text)
    with pytest.raises(SetupError, match="Name a kubeconfig"):
        Cluster.connect(str(file))


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Name a kubeconfig"):
        Cluster.connect(str(tmp_path / "none"))


def test_a_document_is_what_was_put_in_but_for_records_of_fields() -> None:
    last = "kubectl.kubernetes.io/last-applied-configuration"
    thing = {
        "kind": "ModelRollout",
        "metadata": {"name": "a", "managedFields": [1], "annotations": {last: "x", "b": "c"}},
        "spec": {"model": {"version": "7"}},
        "status": {"phase": "Idle"},
    }
    kept = Document(thing)
    metadata = {"name": "a", "annotations": {"b": "c"}}
    assert dict(kept) == {**thing, "metadata": metadata}
    assert len(kept) == 4
    assert kept.get("status") == {"phase": "Idle"}
    assert kept.get("other") is None
