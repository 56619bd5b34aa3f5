"""The charts in helm/: generated files are fresh, and the controller gets no right too many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from headrace import __version__
from headrace.api import ModelRollout, RolloutSpec
from headrace.cli.controller import controller
from headrace.metrics.access import COMPANIONS, PREFIX
from headrace.render.helm.bases import bases
from headrace.render.helm.shipped import rollout_schema, shipped
from headrace.render.manifest import Manifest
from headrace.runtime.kubernetes.kinds import EVENT, MODEL_ROLLOUT, OWNED, POD, Kind

ROOT = Path(__file__).parents[4]
CHARTS = ROOT / "helm"
CONTROLLER = CHARTS / "headrace"


def test_the_generated_files_are_what_make_golden_writes() -> None:
    stale = [path for path, text in shipped(CHARTS).items() if path.read_text("utf-8") != text]
    assert stale == [], "run `make golden`"


def test_the_charts_are_of_this_release() -> None:
    for chart in ("headrace", "model-rollout"):
        about = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text("utf-8"))
        assert (about["name"], about["version"], about["appVersion"]) == (
            chart,
            __version__,
            __version__,
        )


def test_every_value_of_the_controller_is_described_typed_and_no_other_is_taken() -> None:
    schema = json.loads((CONTROLLER / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CONTROLLER / "values.yaml").read_text("utf-8"))
    for path, part in walk(schema):
        assert part.get("description") or not path, path
        assert part["type"] == "object" or "properties" not in part
        if "properties" in part:
            assert part["additionalProperties"] is False, path
    assert set(values) == set(schema["properties"]) - {"global"}


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from walk(part, f"{path}.{name}")


def test_templates_use_values_that_exist() -> None:
    values = yaml.safe_load((CONTROLLER / "values.yaml").read_text("utf-8"))
    for path in (CONTROLLER / "templates").rglob("*.*"):
        for found in re.findall(r"\.Values\.([\w.]+)", path.read_text("utf-8")):
            value = values
            for name in found.split("."):
                assert name in value, (path.name, found)
                value = value[name]


def rules() -> list[dict[str, list[str]]]:
    text = (CONTROLLER / "templates" / "_rules.tpl").read_text("utf-8")
    found: list[dict[str, list[str]]] = yaml.safe_load(text.split("-}}")[-1].split("{{-")[0])
    return found


def allowed() -> dict[tuple[str, str], set[str]]:
    return {
        (group, resource): set(rule["verbs"])
        for rule in rules()
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_the_controller_may_write_every_kind_that_is_rendered_and_no_other() -> None:
    rendered = {
        (str(each["apiVersion"]).rpartition("/")[0], plural(each))
        for path in (ROOT / "manifests/examples").glob("*/rendered/*.yaml")
        for each in yaml.load_all(path.read_text("utf-8"), yaml.CSafeLoader)
    }
    writable = {key for key, verbs in allowed().items() if "delete" in verbs}
    assert writable == rendered
    every = {"get", "list", "watch", "create", "patch", "delete"}
    assert all(allowed()[key] == every for key in writable)


def test_every_kind_that_the_controller_knows_has_its_rule() -> None:
    # The lease is in a Role of the controller's own namespace.
    known = {(group_of(kind), kind.plural) for kind in (*OWNED, POD, MODEL_ROLLOUT, EVENT)}
    assert known == set(allowed()) - {("headrace.dev", "modelrollouts/status")}
    assert {key for key, verbs in allowed().items() if "delete" in verbs} == {
        (group_of(kind), kind.plural) for kind in OWNED
    }


def group_of(kind: Kind) -> str:
    return kind.api_version.rpartition("/")[0]


def test_the_controller_takes_every_variable_that_the_chart_sets() -> None:
    texts = [path.read_text("utf-8") for path in (CONTROLLER / "templates").glob("*.*")]
    told = set(re.findall(r"name: (HEADRACE_\w+)", "".join(texts)))
    options = {
        name
        for option in controller.params
        for name in ([option.envvar] if isinstance(option.envvar, str) else option.envvar or ())
    }
    prometheus = {PREFIX + name for name in ("URL", *COMPANIONS)}
    assert told - options - prometheus == set()


def plural(manifest: Manifest) -> str:
    kind = str(manifest["kind"]).lower()
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def test_the_controller_reads_no_secret_and_has_no_wildcard() -> None:
    for rule in rules():
        named = {name for names in rule.values() for name in names}
        assert not named & {"*", "secrets", "namespaces", "nodes", "clusterroles", "escalate"}


def test_it_neither_makes_nor_deletes_a_rollout() -> None:
    # A finalizer is metadata, which no rule tells apart from the rest.
    assert allowed()["headrace.dev", "modelrollouts"] == {"get", "list", "watch", "patch"}
    assert allowed()["headrace.dev", "modelrollouts/status"] == {"update"}


def test_the_values_of_a_rollout_are_its_spec() -> None:
    schema = rollout_schema()
    fields = [field.alias or name for name, field in RolloutSpec.model_fields.items()]
    assert list(schema["properties"]) == [*fields, "global"]
    assert "$defs" not in json.dumps(schema)
    known = set(schema["definitions"])
    assert set(re.findall(r"#/definitions/(\w+)", json.dumps(schema))) == known


def test_the_example_of_a_rollout_is_one() -> None:
    values = yaml.safe_load((CHARTS / "model-rollout/ci/canary-values.yaml").read_text("utf-8"))
    ModelRollout.model_validate({"metadata": {"name": "flight-delay"}, "spec": values})


def test_bases_are_without_what_only_helm_says() -> None:
    labels = {"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "x-1", "a": "b"}
    role = {"kind": "Role", "metadata": {"name": "x", "labels": labels}}
    pod = {"kind": "Pod", "metadata": {"name": "t", "annotations": {"helm.sh/hook": "test"}}}
    service = {"kind": "Service", "metadata": {"name": "x", "labels": labels}}
    files = bases([role, None, pod, service])
    assert list(files) == [
        "controller/service.yaml",
        "rbac/role.yaml",
        "rbac/kustomization.yaml",
        "controller/kustomization.yaml",
    ]
    assert yaml.safe_load(files["rbac/role.yaml"])["metadata"]["labels"] == {"a": "b"}
    assert yaml.safe_load(files["rbac/kustomization.yaml"])["resources"] == ["role.yaml"]
