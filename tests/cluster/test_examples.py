"""A real API server with the real CRDs accepts what is rendered, and changes what should change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cluster.api_server import ApiServer, Object
from tests.cluster.examples import EXAMPLES, Key, Step, golden, into

GOLDEN = [(example, step) for example in EXAMPLES for step in golden(example).values()]
Versions = dict[Key, Object]

_NO_RESTART = ("traffic", "replicas")
"""What Seldon changes in a predictor without new pods."""

_RESTARTS = {"canary-seldon": ["flight-delay/v7-77ece61212 at canary:10"]}
"""Seldon labels the pods of a shadow: the candidate's are replaced when it gets its first users."""


class World:
    """A namespace that holds what was applied last, as the controller leaves it."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server, self._namespace = server, namespace
        self._there: dict[Key, Object] = {}
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        assert server.apply(space).code in (200, 201)

    def become(self, step: Step) -> Versions:
        """Apply a stage, delete what it has no more, and give everything as the server has it."""
        wanted = {key: into(self._namespace, each) for key, each in step.objects.items()}
        found = {}
        for key, manifest in wanted.items():
            answer = self._server.apply(manifest)
            assert answer.code in (200, 201), f"{key} at {step.name}: {answer.message}"
            found[key] = answer.body
        for key in set(self._there) - set(wanted):
            assert self._server.ask("DELETE", self._server.path(self._there[key])).code == 200
        self._there = wanted
        return found


@pytest.fixture
def world(server: ApiServer) -> Callable[[str], World]:
    numbers: Iterator[int] = iter(range(100))
    return lambda example: World(server, f"{example}-{next(numbers)}")


@pytest.fixture(scope="module")
def models(server: ApiServer) -> ApiServer:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "models"}}
    assert server.apply(space).code in (200, 201)
    return server


@pytest.mark.parametrize(
    "step", [pytest.param(step, id=f"{name} at {step.name}") for name, step in GOLDEN]
)
def test_a_golden_file_is_accepted(models: ApiServer, step: Step) -> None:
    answers = [models.apply(each, dry_run=True) for each in step.objects.values()]
    assert [answer.message for answer in answers if answer.code not in (200, 201)] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_field_that_does_not_exist_is_refused_in_every_kind(
    models: ApiServer, example: str
) -> None:
    # Else the test above could not fail.
    for manifest in golden(example)["first"].objects.values():
        where = "data" if manifest["kind"] == "ConfigMap" else "spec"
        broken = {**manifest, where: {**manifest.get(where, {}), "noSuchField": {"a": 1}}}
        answer = models.apply(broken, dry_run=True)
        assert answer.code in (400, 422, 500), f"{manifest['kind']} was accepted"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_next_stage_touches_only_what_changed(
    world: Callable[[str], World], example: str
) -> None:
    here = world(example)
    before: Versions = {}
    last: dict[Key, Object] = {}
    for step in golden(example).values():
        after = here.become(step)
        for key in set(after) & set(before):
            if step.objects[key] == last[key]:
                assert version(after[key]) == version(before[key]), f"{key} at {step.name}"
        before, last = after, step.objects


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_stage_restarts_pods_but_where_seldon_itself_does(
    world: Callable[[str], World], example: str
) -> None:
    here = world(example)
    before: dict[str, Object] = {}
    restarted = []
    for step in golden(example).values():
        after = pod_templates(here.become(step))
        restarted += [
            f"{name} at {step.name}"
            for name in set(after) & set(before)
            if after[name] != before[name]
        ]
        before = after
    assert restarted == _RESTARTS.get(example, [])


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_rollback_removes_the_candidate_and_leaves_the_stable_pods_alone(
    world: Callable[[str], World], example: str
) -> None:
    steps = golden(example)
    here = world(example)
    at_rest = here.become(steps["idle"])
    during = here.become(steps["paused"])
    retreat = here.become(steps["rolling-back"])
    back = here.become(steps["rolled-back"])
    stable = pod_templates(at_rest)
    assert set(pod_templates(during)) > set(stable)
    for stage in (during, retreat, back):
        templates = pod_templates(stage)
        assert {name: templates[name] for name in stable} == stable
    assert set(pod_templates(back)) == set(stable)
    assert set(back) == set(at_rest)


def version(whole: Object) -> str:
    return str(whole["metadata"]["resourceVersion"])


def pod_templates(found: Versions) -> dict[str, Object]:
    """Give what makes pods restart when it changes, by the name of what owns them.

    For a Deployment its generation is looked at, too: a new one is a roll-out for Kubernetes, even
    if the pods stay.
    """
    templates: dict[str, Object] = {}
    for (kind, name), whole in found.items():
        if kind == "Deployment":
            generation = whole["metadata"]["generation"]
            templates[name] = {"generation": generation, "template": whole["spec"]["template"]}
        elif kind == "SeldonDeployment":
            common = whole["spec"].get("annotations")
            for predictor in whole["spec"]["predictors"]:
                pods = {key: predictor[key] for key in predictor if key not in _NO_RESTART}
                templates[f"{name}/{predictor['name']}"] = {"common": common, **pods}
    return templates
