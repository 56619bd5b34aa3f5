"""kubeconform, which many teams run in their own CI, finds no fault in what is rendered."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cluster.api_server import ApiServer
from tests.cluster.examples import EXAMPLES, FOLDER, golden
from tests.cluster.programs.catalogue import program
from tests.cluster.schemas import LOCATION, write_schemas


@pytest.fixture(scope="module")
def schemas(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    steps = [step for example in EXAMPLES for step in golden(example).values()]
    objects = [each for step in steps for each in step.objects.values()]
    kinds = {(str(each["apiVersion"]), str(each["kind"])) for each in objects}
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(server, [*kinds, ("headrace.dev/v1alpha1", "ModelRollout")], folder)
    return folder


def kubeconform(schemas: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [
        *(str(program("kubeconform")), "-strict", "-summary"),
        *("-schema-location", f"{schemas}/{LOCATION}", *map(str, paths)),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_and_all_its_stages_are_valid(schemas: Path, example: str) -> None:
    result = kubeconform(schemas, FOLDER / example)
    assert result.returncode == 0, result.stdout
    assert "Invalid: 0, Errors: 0, Skipped: 0" in result.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("replicas: 1", "replica: 1", id="an unknown field of the spec"),
        pytest.param("containerPort: 9000", "containerPort: http", id="a text for a number"),
        pytest.param("    route:", "    routes:", id="an unknown field of a custom resource"),
        pytest.param("    spec:\n", "    spec:\n      spec: {}\n", id="a field deep inside"),
    ],
)
def test_a_fault_is_found(schemas: Path, tmp_path: Path, old: str, new: str) -> None:
    text = (FOLDER / "ab-test-istio" / "rendered" / "idle.yaml").read_text("utf-8")
    assert old in text
    (tmp_path / "broken.yaml").write_text(text.replace(old, new), encoding="utf-8")
    result = kubeconform(schemas, tmp_path)
    assert result.returncode == 1
    assert "Invalid: 0" not in result.stdout
