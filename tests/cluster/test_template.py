"""The API server keeps a template as it was written, and refuses what is none."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.api import ModelRollout
from tests.cluster.api_server import STRICT, ApiServer
from tests.unit.render.rollouts import built

RESOURCES = "/apis/headrace.dev/v1alpha1/namespaces/default/modelrollouts"
PATCHES = [
    {
        "kind": "Pod",
        "metadata": {"annotations": {"a": "b"}},
        "spec": {
            "nodeSelector": {"gone": None},
            "containers": [{"name": "model", "livenessProbe": {"$patch": "delete"}}],
            "priority": 7,
            "hostUsers": False,
        },
    },
    {"kind": "ServiceAccount", "imagePullSecrets": [{"name": "registry"}]},
]


def rollout(name: str, template: object) -> dict[str, Any]:
    written: dict[str, Any] = built().model_dump(mode="json", exclude_none=True)
    written["metadata"] = {"name": name, "namespace": "default"}
    written["spec"]["serving"]["template"] = template
    del written["status"]
    return written


@pytest.mark.parametrize("template", [{"patches": PATCHES}, {"jinja": "kind: Pod\nspec: {}\n"}])
def test_a_template_comes_back_as_it_was_written(server: ApiServer, template: object) -> None:
    name = f"kept-{'patches' if 'patches' in str(template) else 'jinja'}"
    made = server.ask("POST", f"{RESOURCES}?{STRICT}", rollout(name, template))
    assert made.code == 201, made.message
    assert made.body["spec"]["serving"]["template"] == template
    sent = ModelRollout.model_validate(rollout(name, template))
    assert ModelRollout.model_validate(made.body).spec == sent.spec


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({}, "write exactly one of patches and jinja"),
        ({"patches": [], "jinja": "kind: Pod"}, "write exactly one of patches and jinja"),
        ({"patches": [{"kind": "Secret"}]}, 'supported values: "Pod", "Deployment"'),
        ({"patches": [{"spec": {}}]}, "kind: Required value"),
        ({"patches": [{"kind": "Pod", "metadata": {"lables": {}}}]}, "unknown field"),
        ({"patches": ["kind: Pod"]}, "must be of type object"),
        ({"jinja": "x" * 20_001}, "may not be more than 20000"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_template_is_refused(server: ApiServer, template: object, message: str) -> None:
    answer = server.ask("POST", f"{RESOURCES}?{STRICT}&dryRun=All", rollout("wrong", template))
    assert answer.code in (400, 422), answer.body
    assert message in answer.message
