"""Whose a field is, by the API server's own record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.runtime.kubernetes.ownership import has_field, lost_fields, who_else

MANIFEST = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "m", "namespace": "n", "labels": {"a": "1", "b": "2"}},
    "spec": {
        "replicas": 2,
        "args": ["--x"],
        "finalizers": ["one"],
        "containers": [{"name": "model", "image": "i", "emptyDir": {}}],
    },
}
OURS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:a": {}, "f:b": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:args": {},
        "f:finalizers": {'v:"one"': {}},
        "f:containers": {
            'k:{"name":"model","protocol":"TCP"}': {
                ".": {},
                "f:name": {},
                "f:image": {},
                "f:emptyDir": {},
            }
        },
    },
}


def record(ours: Any, *others: tuple[str, str]) -> str:
    entries = [["headrace", "Apply", ours], *([who, how, {"f:x": {}}] for who, how in others)]
    return json.dumps(entries)


def without(*path: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(OURS))
    *parents, last = path
    place = copy
    for name in parents:
        place = place[name]
    del place[last]
    return copy


LOST: dict[str, tuple[str, tuple[str, ...]]] = {
    "all is ours": (record(OURS), ()),
    "a number was taken": (record(without("f:spec", "f:replicas")), ("spec.replicas",)),
    "a label was taken": (
        record(without("f:metadata", "f:labels", "f:a")),
        ("metadata.labels.a",),
    ),
    "a field of a list's item was taken": (
        record(without("f:spec", "f:containers", 'k:{"name":"model","protocol":"TCP"}', "f:image")),
        ("spec.containers[model].image",),
    ),
    "an item was removed": (
        record({**OURS, "f:spec": {**OURS["f:spec"], "f:finalizers": {'v:"other"': {}}}}),
        ("spec.finalizers[one]",),
    ),
    "a whole part was replaced": (record(without("f:spec")), ("spec",)),
    "we have nothing any more": (
        json.dumps([["ada", "Update", OURS]]),
        ("metadata", "spec"),
    ),
    "nobody keeps a record": ("", ("metadata", "spec")),
}


@pytest.mark.parametrize(("fields", "lost"), LOST.values(), ids=LOST)
def test_what_others_took(fields: str, lost: tuple[str, ...]) -> None:
    assert lost_fields(MANIFEST, fields) == lost


def test_who_else_changed_an_object() -> None:
    fields = record(OURS, ("kubectl-edit", "Update"), ("kube-controller-manager", "Update"))
    assert who_else(fields) == "kubectl-edit"
    assert who_else(record(OURS)) == who_else("") == ""


def test_a_field_is_found_in_the_record() -> None:
    assert has_field(record(OURS), "headrace", "spec", "replicas")
    assert not has_field(record(without("f:spec", "f:replicas")), "headrace", "spec", "replicas")
    assert not has_field(record(OURS), "ada", "spec", "replicas")
