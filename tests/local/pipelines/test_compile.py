from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.errors import InvalidInput
from headrace.pipelines.compile import (
    compile_definition,
    current_readme,
    is_current,
    sources,
    without_sdk_version,
)
from headrace.pipelines.readme import BEGIN, END, with_interface

ROOT = Path(__file__).resolve().parents[3]
COMPONENTS = [each for each in sources(ROOT) if each.name == "component.py"]
PIPELINES = [each for each in sources(ROOT) if each.name == "pipeline.py"]
NAMES = {
    *("ingest", "validate_data", "split", "train", "tune", "evaluate"),
    *("package", "register", "roll_out"),
    *("await_rollout", "review", "test_serving", "batch_predict"),
}


def named(path: Path) -> str:
    return path.parent.name


def compiled(source: Path) -> dict[str, Any]:
    document = yaml.safe_load(source.with_suffix(".yaml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def test_all_components_are_there() -> None:
    assert {named(each) for each in COMPONENTS} == NAMES
    assert [named(each) for each in PIPELINES] == ["flight_delay"]


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


def tasks(part: dict[str, Any]) -> dict[str, Any]:
    return dict(part["dag"]["tasks"])


def test_tasks_with_effects_are_never_taken_from_the_cache() -> None:
    document = compiled(PIPELINES[0])
    (branch,) = (each for name, each in document["components"].items() if "condition" in name)
    all_tasks = {**tasks(document["root"]), **tasks(branch)}
    for name in ("ingest", "evaluate", "register", "roll-out"):
        assert not all_tasks[name].get("cachingOptions", {}).get("enableCache")
    for name in ("validate-data", "split", "train", "package"):
        assert all_tasks[name]["cachingOptions"]["enableCache"]


def test_nothing_is_packaged_or_rolled_out_outside_of_the_condition() -> None:
    document = compiled(PIPELINES[0])
    conditions = {
        name: task["triggerPolicy"]["condition"]
        for name, task in tasks(document["root"]).items()
        if "triggerPolicy" in task
    }
    assert list(conditions.values()) == [
        "inputs.parameter_values['pipelinechannel--evaluate-Output'] == true"
    ]
    assert not {"package", "register", "roll-out"} & set(tasks(document["root"]))


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
