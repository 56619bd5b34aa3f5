from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp.components import load_component_from_file

from headrace.errors import InvalidInput
from headrace.pipelines.compile import (
    compile_definition,
    current_readme,
    is_current,
    says,
    sources,
    without_sdk_version,
)
from headrace.pipelines.manifest import MANIFEST, compile_manifest
from headrace.pipelines.readme import BEGIN, END, with_interface

ROOT = Path(__file__).resolve().parents[3]
COMPONENTS = [each for each in sources(ROOT) if each.name == "component.py"]
PIPELINES = [each for each in sources(ROOT) if each.name == "pipeline.py"]
NAMES = {
    *("ingest", "validate_data", "split", "train", "tune", "evaluate"),
    *("package", "register", "roll_out"),
    *("await_rollout", "review", "test_serving", "batch_predict"),
    *("retrain_due", "fetch_model"),
}
LOADED = ["batch_predict", "flight_delay", "offer", "retrain", "train_and_roll_out"]
EFFECTS = ("register", "review", "roll-out")
"""Tasks that change something, or wait for people."""
CHANGING = ("ingest", "evaluate", "retrain-due", "fetch-model", "test-serving", "batch-predict")
"""Tasks that look at what changes under the same parameters, or measure, or go on."""
FAR = ("ingest", "evaluate", "register", "review", "roll-out", "retrain-due", "fetch-model")
"""Tasks that reach other machines."""


def named(path: Path) -> str:
    return path.parent.name


def compiled(source: Path) -> dict[str, Any]:
    document = yaml.safe_load(source.with_suffix(".yaml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def test_all_components_are_there() -> None:
    assert {named(each) for each in COMPONENTS} == NAMES
    assert [named(each) for each in PIPELINES] == LOADED


@pytest.mark.parametrize("source", [*COMPONENTS, *PIPELINES], ids=named)
def test_the_compiled_file_is_current(source: Path) -> None:
    assert is_current(source), "run: make golden"


@pytest.mark.parametrize("source", COMPONENTS, ids=named)
def test_the_readme_is_current(source: Path) -> None:
    readme = source.parent / "README.md"
    assert readme.read_text(encoding="utf-8") == current_readme(source), "run: make golden"


@pytest.mark.parametrize("source", [*COMPONENTS, *PIPELINES], ids=named)
def test_every_task_runs_in_our_image_and_installs_nothing(source: Path) -> None:
    for executor in compiled(source)["deploymentSpec"]["executors"].values():
        container = executor["container"]
        assert container["image"] == "ghcr.io/headrace/python-components:0.1.0"
        assert "pip install" not in " ".join(container["command"])


@pytest.mark.parametrize("source", COMPONENTS, ids=named)
def test_every_input_says_what_it_is(source: Path) -> None:
    (component,) = compiled(source)["components"].values()
    inputs = component["inputDefinitions"]
    for part in (inputs.get("artifacts", {}), inputs.get("parameters", {})):
        assert all(each["description"] for each in part.values())


@pytest.mark.parametrize("source", COMPONENTS, ids=named)
def test_metadata_names_the_component_and_what_it_needs(source: Path) -> None:
    text = (source.parent / "metadata.yaml").read_text(encoding="utf-8")
    metadata = yaml.safe_load(text)
    assert metadata["name"] == named(source)
    assert metadata["stability"] in ("experimental", "alpha", "beta", "stable")
    assert {"name": "Pipelines", "version": ">=2.16,<3"} in metadata["dependencies"]["kubeflow"]


def tasks(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Give the component and the task of every task, also of those in pipelines within."""
    graphs = [document["root"], *document["components"].values()]
    return [
        (name.removeprefix("comp-"), task)
        for graph in graphs
        if "dag" in graph
        for task in graph["dag"]["tasks"].values()
        if "dag" not in document["components"][name := task["componentRef"]["name"]]
    ]


@pytest.mark.parametrize("source", PIPELINES, ids=named)
def test_tasks_with_effects_are_never_taken_from_the_cache(source: Path) -> None:
    for component, task in tasks(compiled(source)):
        cached = task.get("cachingOptions", {}).get("enableCache", False)
        assert not (cached and component in (*EFFECTS, *CHANGING)), component
        if component in ("split", "train", "package"):
            assert cached, component


@pytest.mark.parametrize("source", PIPELINES, ids=named)
def test_tasks_that_reach_other_machines_are_tried_again(source: Path) -> None:
    reaching = [(name, task) for name, task in tasks(compiled(source)) if name in FAR]
    assert reaching
    for component, task in reaching:
        assert task["retryPolicy"]["maxRetryCount"] == 2, component


@pytest.mark.parametrize("source", PIPELINES, ids=named)
def test_the_manifest_is_current_and_names_its_version_by_content(source: Path) -> None:
    file = source.with_name(MANIFEST)
    assert says(file, compile_manifest(source)), "run: make golden"
    pipeline, version = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    name = compiled(source)["pipelineInfo"]["name"]
    assert (pipeline["kind"], pipeline["metadata"]["name"]) == ("Pipeline", name)
    assert (version["kind"], version["spec"]["pipelineName"]) == ("PipelineVersion", name)
    assert version["metadata"]["name"].startswith(f"{name}-")


@pytest.mark.parametrize("source", PIPELINES, ids=named)
def test_a_pipeline_is_loaded_with_its_own_parameters(source: Path) -> None:
    """KFP gives a component instead where a pipeline has one of its own name."""
    loaded = load_component_from_file(str(source.with_suffix(".yaml")))
    inputs = compiled(source)["root"]["inputDefinitions"]
    assert set(loaded.component_spec.inputs) == {
        *inputs.get("artifacts", {}), *inputs["parameters"]
    }  # fmt: skip


@pytest.mark.parametrize("source", PIPELINES, ids=named)
def test_every_parameter_of_a_pipeline_says_what_it_is(source: Path) -> None:
    inputs = compiled(source)["root"]["inputDefinitions"]
    for part in (inputs.get("artifacts", {}), inputs.get("parameters", {})):
        assert all(each["description"] for each in part.values())


def conditions(graph: dict[str, Any]) -> list[str]:
    return [
        task["triggerPolicy"]["condition"]
        for task in graph["dag"]["tasks"].values()
        if "triggerPolicy" in task
    ]


@pytest.mark.parametrize("name", ["flight_delay", "offer"])
def test_nothing_is_packaged_or_rolled_out_outside_of_the_condition(name: str) -> None:
    document = compiled(ROOT / "pipelines" / name / "pipeline.py")
    assert conditions(document["root"]) == [
        "inputs.parameter_values['pipelinechannel--evaluate-Output'] == true"
    ]
    assert not {"package", "register", "roll-out"} & set(document["root"]["dag"]["tasks"])


def test_nothing_is_trained_unless_it_is_due() -> None:
    root = compiled(ROOT / "pipelines" / "retrain" / "pipeline.py")["root"]
    assert conditions(root) == [
        "inputs.parameter_values['pipelinechannel--retrain-due-Output'] == true"
    ]
    assert not {"offer", "train"} & set(root["dag"]["tasks"])


def test_what_makes_or_judges_a_model_names_its_version() -> None:
    """Whatever retrain hands to offer is told to retrain_due, but for what changes no model."""
    document = compiled(ROOT / "pipelines" / "retrain" / "pipeline.py")
    due = document["root"]["dag"]["tasks"]["retrain-due"]["inputs"]["parameters"]
    offered = document["components"]["comp-offer"]["inputDefinitions"]["parameters"]
    told = str(due)
    of_no_model = {"segments", "policy", "handler", "load_levels", "load_seconds", "version"}
    for name in offered.keys() - of_no_model:
        assert name in told, name


@pytest.mark.parametrize("source", COMPONENTS, ids=named)
def test_the_pipeline_in_the_readme_compiles(
    source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (source.parent / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    name = code.split("\ndef ")[1].split("(")[0]
    file = tmp_path / name / "pipeline.py"
    file.parent.mkdir()
    file.write_text(code)
    monkeypatch.chdir(ROOT)
    assert f"name: {name.replace('_', '-')}" in compile_definition(file)


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "split" / "component.py"
    source.parent.mkdir()
    original = (ROOT / "components" / "split" / "component.py").read_text(encoding="utf-8")
    source.write_text(original)
    assert not is_current(source)
    text = compile_definition(source)
    source.with_suffix(".yaml").write_text(text.replace("sdkVersion: kfp-", "sdkVersion: kfp-9"))
    assert is_current(source), "another SDK is no change"
    source.write_text(original.replace("share: float = 0.2", "share: float = 0.3"))
    assert not is_current(source)


def test_only_the_line_with_the_sdk_is_dropped() -> None:
    assert without_sdk_version("a: 1\nsdkVersion: kfp-2.17.0\nb: 2\n") == "a: 1\nb: 2\n"


@pytest.mark.parametrize(
    "content", [pytest.param(None, id="no file"), pytest.param("split = 5\n", id="a number")]
)
def test_a_file_without_a_component_is_refused(tmp_path: Path, content: str | None) -> None:
    source = tmp_path / "split" / "component.py"
    source.parent.mkdir()
    if content is not None:
        source.write_text(content)
    with pytest.raises(InvalidInput):
        compile_definition(source)


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="lacks the line"):
        with_interface(f"# Title\n{END}\n{BEGIN}\n", "", "")
