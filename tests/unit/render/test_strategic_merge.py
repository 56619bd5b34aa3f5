"""Strategic merge as Kubernetes does it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from headrace.api.fields import RuleBroken
from headrace.render.strategic_merge import merged

POD: dict[str, Any] = {
    "nodeSelector": {"a": "1"},
    "tolerations": [{"key": "a"}],
    "containers": [
        {"name": "model", "image": "i", "env": [{"name": "A", "value": "1"}], "args": ["x", "y"]},
        {"name": "other", "ports": [{"containerPort": 1, "name": "p"}]},
    ],
}


@pytest.mark.parametrize(
    ("patch", "path", "value"),
    [
        ({"nodeSelector": {"b": "2"}}, ("nodeSelector",), {"a": "1", "b": "2"}),
        ({"nodeSelector": {"a": None}}, ("nodeSelector",), {}),
        ({"nodeSelector": None}, ("nodeSelector",), None),
        ({"nodeSelector": {"$patch": "delete"}}, ("nodeSelector",), None),
        ({"nodeSelector": {"$patch": "replace", "b": "2"}}, ("nodeSelector",), {"b": "2"}),
        ({"tolerations": [{"key": "b"}]}, ("tolerations",), [{"key": "b"}]),
        ({"hostNetwork": True}, ("hostNetwork",), True),
        ({"affinity": {"x": {"y": None, "z": 1}}}, ("affinity",), {"x": {"z": 1}}),
        (
            {"containers": [{"name": "model", "image": "j"}]},
            ("containers", 0),
            {**POD["containers"][0], "image": "j"},
        ),
        ({"containers": [{"name": "model", "args": ["z"]}]}, ("containers", 0, "args"), ["z"]),
        (
            {"containers": [{"name": "model", "env": [{"name": "B", "value": "2"}]}]},
            ("containers", 0, "env"),
            [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        ),
        (
            {"containers": [{"name": "new", "image": "n"}]},
            ("containers", 2),
            {"name": "new", "image": "n"},
        ),
        (
            {"containers": [{"name": "model", "$patch": "delete"}]},
            ("containers",),
            POD["containers"][1:],
        ),
        (
            {"containers": [{"$patch": "replace"}, {"name": "new"}]},
            ("containers",),
            [{"name": "new"}],
        ),
        (
            {"containers": [{"name": "other", "ports": [{"containerPort": 1, "name": "q"}]}]},
            ("containers", 1, "ports"),
            [{"containerPort": 1, "name": "q"}],
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            ("volumes",),
            [{"name": "v", "emptyDir": {}}],
        ),
        ({"x": [{"y": None, "z": [1]}]}, ("x",), [{"z": [1]}]),
        ({}, (), POD),
    ],
    ids=str,
)
def test_a_patch_is_merged(
    patch: dict[str, Any], path: tuple[str | int, ...], value: object
) -> None:
    before = copy.deepcopy((POD, patch))
    found: Any = merged(POD, patch)
    assert (POD, patch) == before
    for part in path:
        found = found.get(part) if isinstance(part, str) else found[part]
    assert found == value


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        ({"nodeSelector": "a"}, "nodeSelector: is 'a'; expected a mapping"),
        ({"containers": {"name": "a"}}, "containers: is a mapping; expected a list"),
        ({"nodeSelector": ["a"]}, "nodeSelector: is a list; expected a mapping"),
        ({"containers": [{"image": "a"}]}, "containers[0]: has no name; expected name, which"),
        ({"containers": ["a"]}, "containers[0]: is 'a'; expected a mapping with name"),
        ({"a": {"$patch": "drop"}}, "a.$patch: is 'drop'; expected merge, replace or delete"),
        ({"$retainKeys": ["a"]}, "$retainKeys: is no directive; expected $patch"),
        ({"x": [{"z": [None]}]}, "x[0].z[0]: is null; expected a value"),
        ({"x": [{"y": {"$patch": 1}}]}, "x[0].y.$patch: is 1; expected merge"),
    ],
    ids=str,
)
def test_a_patch_of_another_shape_is_refused_with_its_place(
    patch: dict[str, Any], fault: str
) -> None:
    with pytest.raises(RuleBroken) as caught:
        merged(POD, patch)
    (found,) = caught.value.faults
    assert str(found).startswith(fault)
