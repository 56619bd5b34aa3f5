"""A real API server accepts every example, and each rule of the CRD refuses with its words."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from headrace.api import Status
from headrace.api.strategy import CanaryStep
from headrace.cli.starter import NO_DIGEST, STRATEGIES, Starter
from tests.cluster.api_server import STRICT, ApiServer
from tests.unit.engine.rollouts import under_test

ROOT = Path(__file__).parents[2]
RESOURCES = "/apis/headrace.dev/v1alpha1/namespaces/default/modelrollouts"
DIGEST = f"sha256:{'9f' * 32}"
Change = Callable[[dict[str, Any]], object]


def model(version: str = "7") -> dict[str, str]:
    return {"name": "m", "version": version, "uri": "s3://m/7", "digest": DIGEST}


def rollout(name: str = "good") -> dict[str, Any]:
    return {
        "apiVersion": "headrace.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": name},
        "spec": {
            "model": model(),
            "strategy": {
                "canary": {
                    "steps": [
                        {"mirror": 100, "hold": "10m"},
                        {"weight": 5, "hold": "5m"},
                        {"approval": {}},
                        {"weight": 50, "hold": "1h30m"},
                    ]
                }
            },
            "analysis": {
                "checks": [
                    {"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 1.5}}
                ]
            },
        },
    }


def steps(spec: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["strategy"]["canary"]["steps"]
    return found


def strategy(spec: dict[str, Any], **chosen: object) -> dict[str, Any]:
    spec["strategy"] = chosen
    return spec


def check(spec: dict[str, Any], **fields: object) -> dict[str, Any]:
    spec["analysis"]["checks"] = [{"name": "c", **fields}]
    return spec


REFUSED: dict[str, tuple[Change, str]] = {
    "no strategy": (strategy, "write exactly one of canary, shadow"),
    "two strategies": (
        lambda s: s["strategy"].update(shadow={"hold": "5m"}),
        "write exactly one of canary, shadow",
    ),
    "weights that fall": (lambda s: steps(s)[3].update(weight=3), "weights fall"),
    "a mirror after a weight": (
        lambda s: steps(s).append({"mirror": 10, "hold": "5m"}),
        "a mirror comes after a weight",
    ),
    "an analysis first": (
        lambda s: steps(s).insert(0, {"analysis": "5m"}),
        "an analysis comes first",
    ),
    "a step of two kinds": (lambda s: steps(s)[0].update(weight=5), "exactly one of mirror"),
    "a step without a time": (lambda s: steps(s)[1].pop("hold"), "needs its time"),
    "an approval with a time": (lambda s: steps(s)[2].update(hold="5m"), "has no hold"),
    "a hold of zero": (lambda s: steps(s)[1].update(hold="0s"), "write a duration above zero"),
    "a hold that is no duration": (lambda s: steps(s)[1].update(hold="5"), "should match"),
    "a digest that is none": (lambda s: s["model"].update(digest="latest"), "is no digest"),
    "an A/B test without a goal": (
        lambda s: strategy(s, abTest={"split": 50}),
        "write `goal: reward`",
    ),
    "a bandit without a reward": (
        lambda s: strategy(s, bandit={"floor": 5}),
        "write `reward: reward`",
    ),
    "floors over 100": (
        lambda s: (
            strategy(s, bandit={"reward": "reward", "floor": 40}),
            s.update(challengers=[model("8")]),
        ),
        "floors of all arms are over 100",
    ),
    "an unknown metric": (
        lambda s: s["analysis"]["checks"][0].update(metric="errors"),
        'supported values: "error-rate", "latency"',
    ),
    "neither metric nor kind": (
        lambda s: check(s, below=0.9),
        "exactly one of metric and kind",
    ),
    "a check without a limit": (
        lambda s: check(s, metric="error-rate"),
        "must validate at least one schema",
    ),
    "a check with two limits": (
        lambda s: check(s, metric="error-rate", above=0.02, worseThanStable={"ratio": 2}),
        "must not validate the schema",
    ),
    "a limit of another metric": (
        lambda s: check(s, metric="error-rate", below=0.9),
        "a check of error-rate has exactly one of worseThanStable, above",
    ),
    "counts without a total": (
        lambda s: check(s, kind="Counts", bad="x_total", worseThanStable={"ratio": 2}),
        "a check of Counts has bad and total",
    ),
    "a rate": (
        lambda s: check(
            s, kind="Counts", bad="rate(x_total[5m])", total="y_total", worseThanStable={"ratio": 2}
        ),
        "must be a selector of a raw counter",
    ),
    "a selector that computes": (
        lambda s: check(
            s, kind="Counts", bad='a{b="1"} / c{d="2"}', total="y", worseThanStable={"ratio": 2}
        ),
        "must be a selector of a raw counter",
    ),
    "more tolerance than the ratio": (
        lambda s: check(s, metric="error-rate", worseThanStable={"ratio": 1.2, "tolerance": 1.3}),
        "tolerance must be below ratio",
    ),
    "a ramp with nothing that counts": (
        lambda s: (
            check(s, metric="shadow-agreement", below=0.9),
            s["strategy"]["canary"].update(ramp={"badRequests": 100}),
        ),
        "a ramp needs something that counts",
    ),
    "challengers in a canary": (
        lambda s: s.update(challengers=[model("8")]),
        "this strategy tests one version",
    ),
    "a version that is named twice": (
        lambda s: (strategy(s, abTest={"goal": "reward"}), s.update(challengers=[model()])),
        "a version is named twice",
    ),
    "challengers of another model": (
        lambda s: (
            strategy(s, abTest={"goal": "reward"}),
            s.update(challengers=[model("8") | {"name": "other"}]),
        ),
        "write the name of spec.model",
    ),
    "two checks of one name": (
        lambda s: s["analysis"]["checks"].append(s["analysis"]["checks"][0]),
        "Duplicate value",
    ),
    "a bandit that never stops learning": (
        lambda s: strategy(s, bandit={"reward": "reward", "stop": {}}),
        "expectedLoss",
    ),
    "a quantity that is none": (
        lambda s: s.update(serving={"resources": {"requests": {"cpu": "lots"}}}),
        "should match",
    ),
    "fewer replicas with autoscaling": (
        lambda s: s.update(
            serving={
                "replicas": 3,
                "resources": {"requests": {"cpu": 1}},
                "autoscaling": {"maxReplicas": 2},
            }
        ),
        "write maxReplicas of at least replicas",
    ),
    "autoscaling of nothing": (
        lambda s: s.update(serving={"autoscaling": {"maxReplicas": 2}}),
        "autoscaling is a share of the requested CPU",
    ),
    "a freeze of six fields": (
        lambda s: s.update(freeze=[{"schedule": "0 0 18 * * 5", "duration": "62h"}]),
        "spec.freeze[0].schedule",
    ),
    "a freeze of no time": (
        lambda s: s.update(freeze=[{"schedule": "0 18 * * 5", "duration": "0h"}]),
        "write a duration above zero",
    ),
    "a freeze in a zone that is a path": (
        lambda s: s.update(
            freeze=[{"schedule": "0 18 * * 5", "duration": "62h", "timezone": "../passwd"}]
        ),
        "spec.freeze[0].timezone",
    ),
    "a gate with a password": (
        lambda s: s.update(gates=[{"name": "g", "url": "https://me:secret@gate.example.com"}]),
        "spec.gates[0].url",
    ),
    "a gate that may take a day": (
        lambda s: s.update(gates=[{"name": "g", "url": "https://g.example.com", "timeout": "1d"}]),
        "write a time within which a gate can answer",
    ),
    "a gate that may take no time": (
        lambda s: s.update(gates=[{"name": "g", "url": "https://g.example.com", "timeout": "0s"}]),
        "write a time within which a gate can answer",
    ),
    "two gates of one name": (
        lambda s: s.update(gates=[{"name": "g", "url": "https://g.example.com"}] * 2),
        "Duplicate value",
    ),
    "a gate before something else": (
        lambda s: s.update(
            gates=[{"name": "g", "url": "https://g.example.com", "before": "Lunch"}]
        ),
        'supported values: "Rollout", "Step", "Promotion"',
    ),
    "a notification to nobody": (
        lambda s: s.update(notifications=[{}]),
        "write exactly one of cloudEvents and slack",
    ),
    "a notification of two kinds": (
        lambda s: s.update(notifications=[{"slack": {"key": "a"}, "cloudEvents": {"key": "b"}}]),
        "write exactly one of cloudEvents and slack",
    ),
    "events without an address": (
        lambda s: s.update(notifications=[{"cloudEvents": {}}]),
        "write exactly one of url and key",
    ),
    "a webhook in the spec": (
        lambda s: s.update(notifications=[{"slack": {"url": "https://hooks.example.com/secret"}}]),
        "unknown field",
    ),
    "another fate of what was made": (
        lambda s: s.update(onDelete="Forget"),
        'supported values: "Keep", "Delete"',
    ),
    "a field with a slip of the pen": (lambda s: s.update(rooting={}), "unknown field"),
}


def test_a_good_rollout_is_accepted_with_its_defaults(server: ApiServer) -> None:
    made = server.ask("POST", f"{RESOURCES}?{STRICT}", rollout())
    assert made.code == 201, made.message
    spec = made.body["spec"]
    assert spec["analysis"]["risk"] == {"falseRollback": 0.01, "missedRegression": 0.05}
    assert spec["routing"] == {"provider": "GatewayAPI", "timeout": "10s"}
    assert spec["serving"]["replicas"] == 1
    assert spec["analysis"]["interval"] == "15s"


def test_what_people_and_other_systems_may_say_is_accepted(server: ApiServer) -> None:
    whole = rollout("people")
    whole["spec"] |= {
        "freeze": [{"schedule": "0 18 * * FRI", "duration": "62h", "timezone": "Europe/Vienna"}],
        "gates": [{"name": "g", "url": "http://gate.ci.svc:8080/ask?team=a", "before": "Step"}],
        "notifications": [
            {"cloudEvents": {"url": "https://events.example.com/in"}},
            {"cloudEvents": {"key": "events"}},
            {"slack": {"key": "team"}},
        ],
        "suspended": True,
        "onDelete": "Delete",
    }
    made = server.ask("POST", f"{RESOURCES}?{STRICT}", whole)
    assert made.code == 201, made.message
    assert made.body["spec"]["gates"][0]["timeout"] == "10s"


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_rollout_is_refused_with_what_to_write(server: ApiServer, what: str) -> None:
    change, message = REFUSED[what]
    wrong = rollout("wrong")
    change(wrong["spec"])
    answer = server.ask("POST", f"{RESOURCES}?{STRICT}&dryRun=All", wrong)
    assert answer.code in (400, 422), json.dumps(answer.body)[:500]
    assert message in answer.message


def test_a_long_name_is_refused(server: ApiServer) -> None:
    answer = server.ask("POST", f"{RESOURCES}?{STRICT}&dryRun=All", rollout("a" * 54))
    assert answer.code == 422
    assert "at most 53 characters" in answer.message


@pytest.mark.parametrize("phase", ["Progressing", "Paused", "Promoting", "RollingBack"])
def test_routing_cannot_change_during_a_rollout(server: ApiServer, phase: str) -> None:
    name = f"routed-{phase.lower()}"
    assert server.ask("POST", f"{RESOURCES}?{STRICT}", rollout(name)).code == 201
    path = f"{RESOURCES}/{name}"
    status = server.ask("PATCH", f"{path}/status", {"status": {"phase": phase}}, "merge")
    assert status.code == 200, status.message
    change = {"spec": {"routing": {"hostnames": ["a.example.com"]}}}
    refused = server.ask("PATCH", path, change, "merge")
    assert refused.code == 422
    assert "cannot change while a rollout is under way" in refused.message
    another = {"spec": {"model": {"version": "8"}}}
    assert server.ask("PATCH", path, another, "merge").code == 200
    ended = server.ask("PATCH", f"{path}/status", {"status": {"phase": "Healthy"}}, "merge")
    assert ended.code == 200, ended.message
    assert server.ask("PATCH", path, change, "merge").code == 200


STEP = {"mirror": 100, "weight": 50, "hold": "5m", "analysis": "10m", "approval": {}}


@pytest.mark.parametrize(
    "fields", [names for count in range(6) for names in combinations(STEP, count)], ids=" ".join
)
def test_a_step_is_accepted_where_the_parser_accepts_it(
    server: ApiServer, fields: tuple[str, ...]
) -> None:
    whole = rollout("step")
    steps(whole["spec"])[1:] = [{name: STEP[name] for name in fields}]
    answer = server.ask("POST", f"{RESOURCES}?{STRICT}&dryRun=All", whole)
    try:
        CanaryStep.model_validate(steps(whole["spec"])[1])
    except ValidationError:
        assert answer.code == 422
        assert "steps[1]" in answer.message
    else:
        assert answer.code == 201, answer.message


def test_of_a_status_it_is_recorded_who_wrote_it_and_not_who_has_each_number(
    server: ApiServer,
) -> None:
    made = server.ask("POST", f"{RESOURCES}?{STRICT}", rollout("owned"))
    assert made.code == 201, made.message
    world = under_test()
    written = world.status.model_dump(mode="json", exclude_defaults=True)
    path = f"{RESOURCES}/owned/status?{STRICT}"
    put = server.ask("PUT", f"{path}&fieldManager=headrace", {**made.body, "status": written})
    assert put.code == 200, put.message
    theirs = {"type": "Audited", "status": "True", "reason": "Seen", "message": "by a person"}
    theirs["lastTransitionTime"] = "2026-11-22T08:00:00Z"
    part = {key: made.body[key] for key in ("apiVersion", "kind")}
    part |= {"metadata": {"name": "owned"}, "status": {"conditions": [theirs]}}
    applied = server.ask("PATCH", f"{path}&fieldManager=audit", part, "apply")
    assert applied.code == 200, applied.message
    owned = {
        entry["manager"]: entry["fieldsV1"]["f:status"]
        for entry in applied.body["metadata"]["managedFields"]
        if entry.get("subresource") == "status"
    }
    conditions = owned["headrace"].pop("f:conditions")
    assert set(conditions) == {".", *(_key(each["type"]) for each in written["conditions"])}
    del owned["headrace"]["."]
    assert set(owned["headrace"]) == {f"f:{name}" for name in written if name != "conditions"}
    assert all(of == {} for of in (*owned["headrace"].values(), *conditions.values()))
    assert owned["audit"] == {"f:conditions": {_key("Audited"): {}}}
    assert applied.body["status"]["checks"] == written["checks"]


def _key(condition: str) -> str:
    return f'k:{{"type":"{condition}"}}'


@pytest.mark.parametrize("way", ["update", "apply"])
def test_what_the_engine_writes_as_status_is_kept_as_it_is(server: ApiServer, way: str) -> None:
    world = under_test()
    status = world.status.model_dump(mode="json", exclude_none=True)
    name = f"status-by-{way}"
    made = server.ask("POST", f"{RESOURCES}?{STRICT}", rollout(name))
    assert made.code == 201, made.message
    path = f"{RESOURCES}/{name}/status?{STRICT}"
    # Not by a merge patch: it takes a null in a test's state for a field to remove.
    if way == "update":
        answer = server.ask("PUT", path, {**made.body, "status": status})
    else:
        part = {key: made.body[key] for key in ("apiVersion", "kind")}
        part |= {"metadata": {"name": name}, "status": status}
        answer = server.ask("PATCH", f"{path}&fieldManager=headrace&force=true", part, "apply")
    assert answer.code == 200, answer.message
    assert answer.body["status"] == status
    assert Status.model_validate(answer.body["status"]) == world.status


def examples() -> list[tuple[str, dict[str, Any]]]:
    """Give what `init` writes, and a whole rollout for every example of the pages."""
    found = []
    for strategy in STRATEGIES:
        text = Starter("m", "default", "1", "s3://m/1", NO_DIGEST, strategy).written()
        found.append((f"init {strategy}", yaml.safe_load(text)))
    for page in ("strategies.md", "checks.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for index, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
            part, whole = yaml.safe_load(block), rollout(f"example-{index}")
            spec = whole["spec"]
            spec["model"]["name"] = "flight-delay"
            if isinstance(part, list):
                spec["analysis"]["checks"] = part
            else:
                spec.update(copy.deepcopy(part))
            found.append((f"{page} {index}", whole))
    return found


@pytest.mark.parametrize("whole", [pytest.param(w, id=n) for n, w in examples()])
def test_every_example_is_accepted(server: ApiServer, whole: dict[str, Any]) -> None:
    answer = server.ask("POST", f"{RESOURCES}?{STRICT}&dryRun=All", whole)
    assert answer.code == 201, answer.message
