"""The rendered examples of the repository: as the code renders them, and accepted by clusters."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from headrace.render.examples import rendered_examples
from headrace.render.manifest import Manifest
from tests.unit.render.schemas import faults

FOLDER = Path(__file__).parents[3] / "manifests" / "examples"
FILES = sorted(FOLDER.glob("*/rendered/*.yaml"))


def documents(path: Path) -> list[Manifest]:
    return list(yaml.load_all(path.read_text("utf-8"), yaml.CSafeLoader))


def title(path: Path) -> str:
    return f"{path.parents[1].name} at {path.stem}"


def test_the_files_are_what_the_code_renders() -> None:
    wanted = dict(rendered_examples(FOLDER))
    there = {path: path.read_text("utf-8") for path in FILES}
    assert set(there) == set(wanted), "run `make golden`"
    assert [title(path) for path in FILES if there[path] != wanted[path]] == []


def test_every_strategy_backend_and_router_is_among_them() -> None:
    texts = [(path.parents[1] / "rollout.yaml").read_text("utf-8") for path in FILES]
    specs = [yaml.safe_load(text)["spec"] for text in texts]
    assert {next(iter(spec["strategy"])) for spec in specs} == {
        "canary",
        "shadow",
        "blueGreen",
        "abTest",
        "bandit",
    }
    assert {spec["serving"].get("backend", "Kubernetes") for spec in specs} == {
        "Kubernetes",
        "Seldon",
    }
    assert {str(spec["routing"]["provider"]) for spec in specs} == {
        "GatewayAPI",
        "Istio",
        "Seldon",
        "None",
    }


@pytest.mark.parametrize("path", FILES, ids=title)
def test_an_example_fits_the_schemas_of_its_kinds(path: Path) -> None:
    assert [fault for each in documents(path) for fault in faults(each)] == []


@pytest.mark.parametrize("path", FILES, ids=title)
def test_an_example_names_every_object_once_and_begins_as_readers_expect(path: Path) -> None:
    found = documents(path)
    keys = [(each["kind"], each["metadata"]["name"]) for each in found]
    assert len(set(keys)) == len(keys)
    for each in found:
        assert list(each)[:3] == ["apiVersion", "kind", "metadata"]
        assert list(each["metadata"])[:3] == ["name", "namespace", "labels"]


def test_a_manifest_with_a_fault_does_not_pass() -> None:
    (route,) = (
        each
        for each in documents(FOLDER / "canary-gateway" / "rendered" / "canary-5.yaml")
        if each["kind"] == "HTTPRoute"
    )
    route["spec"]["rules"][0]["backendRefs"][0]["weight"] = "95"
    route["spec"]["rules"][0]["wieght"] = 1
    del route["spec"]["parentRefs"][0]["name"]
    assert len(faults(route)) == 3
