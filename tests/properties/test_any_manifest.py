"""What holds for every rollout at every stage, whatever its strategy, backend and router."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings

from headrace.api import ModelRollout, ModelSpec
from headrace.engine.steps import ALL_STABLE
from headrace.render.gateway import is_open
from headrace.render.manifest import Manifest
from headrace.render.rendering import render, rerender
from headrace.render.stages import stages
from headrace.render.yaml_text import to_yaml
from tests.unit.render.rollouts import rollouts
from tests.unit.render.schemas import faults

_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\Z")

_many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Drawn = tuple[ModelRollout, ModelSpec]


def by_stage(drawn: Drawn) -> dict[str, list[Manifest]]:
    rollout, stable = drawn
    return {stage.name: render(rollout, stage.plan) for stage in stages(rollout, stable)}


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def pod_templates(manifests: list[Manifest]) -> dict[str, Any]:
    """Give everything that ends up in pods, by what owns them."""
    found = {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in of_kind(manifests, "Deployment")
    }
    for each in of_kind(manifests, "SeldonDeployment"):
        assert "annotations" not in each["spec"]
        for predictor in each["spec"]["predictors"]:
            # The operator leaves these two out of pods, and the role is no more than that.
            parts = {k: v for k, v in predictor.items() if k not in ("traffic", "replicas")}
            parts.pop("shadow", None)
            found[predictor["name"]] = parts
    return found


@_many
@given(rollouts())
def test_the_same_input_gives_the_same_bytes_which_say_the_same(drawn: Drawn) -> None:
    again = by_stage(drawn)
    for name, manifests in by_stage(drawn).items():
        text = to_yaml(manifests)
        assert text == to_yaml(again[name])
        assert list(yaml.load_all(text, yaml.CSafeLoader)) == manifests
        assert "null" not in text


@_many
@given(rollouts())
def test_what_another_stage_changes_is_all_that_it_changes(drawn: Drawn) -> None:
    rollout, stable = drawn
    plans = [stage.plan for stage in stages(rollout, stable)]
    plans += [replace(plan, retreating=True, traffic=ALL_STABLE, sticky=None) for plan in plans]
    for before in plans:
        was = {_place(each): each for each in render(rollout, before)}
        for plan in plans:
            changed = rerender(rollout, before, plan)
            if changed is not None:
                now = was | {_place(each): each for each in changed}
                assert list(now.values()) == render(rollout, plan)


def _place(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


@_many
@given(rollouts())
def test_names_and_labels_are_what_kubernetes_takes(drawn: Drawn) -> None:
    for manifests in by_stage(drawn).values():
        keys = [(each["kind"], each["metadata"]["name"]) for each in manifests]
        assert len(set(keys)) == len(keys)
        for each in manifests:
            if each["kind"] != "ConfigMap":
                assert _DNS_1035.match(each["metadata"]["name"]), each["metadata"]["name"]
            assert all(_LABEL.match(value) for value in each["metadata"]["labels"].values())
        for each in of_kind(manifests, "SeldonDeployment"):
            for predictor in each["spec"]["predictors"]:
                # Longer ones are replaced by a hash, and nobody finds the Deployment.
                assert len(f"{each['metadata']['name']}-{predictor['name']}-0-model") <= 63


@_many
@given(rollouts())
def test_no_step_and_no_promotion_changes_a_pod(drawn: Drawn) -> None:
    templates: dict[str, Any] = {}
    for name, manifests in by_stage(drawn).items():
        for owner, template in pod_templates(manifests).items():
            assert templates.setdefault(owner, template) == template, name


@_many
@given(rollouts())
def test_a_step_touches_nothing_but_routes(drawn: Drawn) -> None:
    found = by_stage(drawn)
    moving = ("HTTPRoute", "VirtualService", "SeldonDeployment")
    seen: dict[tuple[str, str], Manifest] = {}
    for manifests in found.values():
        for each in manifests:
            key = (each["kind"], each["metadata"]["name"])
            front = each["kind"] == "Service" and "annotations" in each["metadata"]
            if each["kind"] not in moving and not front:
                assert seen.setdefault(key, each) == each


@_many
@given(rollouts())
def test_weights_are_whole_and_sum_to_a_hundred(drawn: Drawn) -> None:
    for manifests in by_stage(drawn).values():
        for weights in _weights(manifests):
            assert all(isinstance(weight, int) and 0 <= weight <= 100 for weight in weights)
            assert sum(weights) == 100


def _weights(manifests: list[Manifest]) -> Iterator[list[int]]:
    for each in of_kind(manifests, "HTTPRoute"):
        (live,) = (rule for rule in each["spec"]["rules"] if is_open(rule))
        yield [backend["weight"] for backend in live["backendRefs"]]
    for each in of_kind(manifests, "VirtualService"):
        (live,) = (rule for rule in each["spec"]["http"] if rule["name"] == "live")
        yield [route["weight"] for route in live["route"]]
    for each in of_kind(manifests, "SeldonDeployment"):
        predictors = each["spec"]["predictors"]
        assert sum("shadow" in predictor for predictor in predictors) <= 1
        yield [each["traffic"] for each in predictors if not each.get("shadow")]


@_many
@given(rollouts())
def test_routes_lead_to_services_that_are_there(drawn: Drawn) -> None:
    for manifests in by_stage(drawn).values():
        services = {each["metadata"]["name"] for each in of_kind(manifests, "Service")}
        for each in of_kind(manifests, "SeldonDeployment"):
            names = (predictor["name"] for predictor in each["spec"]["predictors"])
            services |= {f"{each['metadata']['name']}-{name}" for name in names}
        assert set(_targets(manifests)) <= services


def _targets(manifests: list[Manifest]) -> Iterator[str]:
    for each in of_kind(manifests, "HTTPRoute"):
        for rule in each["spec"]["rules"]:
            yield from (backend["name"] for backend in rule["backendRefs"])
            yield from (
                found["requestMirror"]["backendRef"]["name"] for found in rule.get("filters", ())
            )
    for each in of_kind(manifests, "VirtualService"):
        for rule in each["spec"]["http"]:
            hosts = [route["destination"]["host"] for route in rule.get("route", ())]
            hosts += [rule["mirror"]["host"]] if "mirror" in rule else []
            yield from (host.split(".")[0] for host in hosts)


@_many
@given(rollouts())
def test_every_manifest_fits_its_schema(drawn: Drawn) -> None:
    for manifests in by_stage(drawn).values():
        assert [fault for each in manifests for fault in faults(each)] == []


@_many
@given(rollouts())
def test_pods_are_restricted(drawn: Drawn) -> None:
    for manifests in by_stage(drawn).values():
        for template in pod_templates(manifests).values():
            spec = template.get("spec") or template["componentSpecs"][0]["spec"]
            pod = spec["securityContext"]
            assert pod["runAsNonRoot"] is True
            assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
            assert {kind for v in spec.get("volumes", ()) for kind in v if kind != "name"} <= {
                "emptyDir",
                "persistentVolumeClaim",
            }
            for container in (*spec.get("initContainers", ()), *spec["containers"]):
                assert container["securityContext"] == {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                }
