"""`headrace pipeline` on a pipeline of one task; the KFP backend is a double."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from headrace.cli.main import cli
from headrace.errors import InvalidInput, NotFound, PermanentError, PlatformUnavailable
from tests.local.pipelines.kfp_backend import KfpBackend, serving

PIPELINE = """
from kfp import dsl

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def add(a: int, b: int) -> int:
    return a + b

@dsl.pipeline(name="adding")
def adding(a: int, b: int = 2) -> int:
    return add(a=a, b=b).output
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines") / "adding"
    folder.mkdir()
    (folder / "pipeline.py").write_text(PIPELINE)
    return folder / "pipeline.py"


@pytest.fixture(scope="module")
def compiled(source: Path) -> Path:
    said = headrace("compile", str(source), "-o", str(source.with_suffix(".yaml")))
    assert said.exit_code == 0, said.output
    return source.with_suffix(".yaml")


@pytest.fixture
def backend() -> Iterator[KfpBackend]:
    with serving() as double:
        yield double


def headrace(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["pipeline", *arguments])


def to(backend: KfpBackend, command: str, compiled: Path, *arguments: str) -> Result:
    return headrace(command, str(compiled), "--host", backend.url, "-p", "a=1", *arguments)


def test_compile_writes_what_kfp_reads(compiled: Path) -> None:
    document = yaml.safe_load(compiled.read_text())
    assert document["pipelineInfo"]["name"] == "adding"
    assert set(document["root"]["inputDefinitions"]["parameters"]) == {"a", "b"}


def test_a_manifest_is_a_pipeline_and_a_version_named_by_its_content(
    source: Path, compiled: Path
) -> None:
    said = [
        headrace("compile", str(file), "--kubernetes-manifest", "-n", "models")
        for file in (source, compiled)
    ]
    assert [one.exit_code for one in said] == [0, 0], said[0].output
    assert said[0].stdout == said[1].stdout
    pipeline, version = yaml.safe_load_all(said[0].stdout)
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert version["apiVersion"] == "pipelines.kubeflow.org/v2beta1"
    assert version["metadata"]["namespace"] == "models"
    assert version["metadata"]["name"].startswith("adding-")
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == "adding"
    assert version["spec"]["pipelineSpec"]["pipelineInfo"]["name"] == "adding"


def test_a_pipeline_runs_here_and_tells_how_it_goes(compiled: Path, tmp_path: Path) -> None:
    said = headrace(
        "run", "--local", str(compiled), "-p", "a=40", "--root", str(tmp_path / "artifacts")
    )
    assert said.exit_code == 0, said.output
    assert "pipeline: add succeeded" in said.stdout
    assert "Output = 42" in said.stdout


def test_run_without_local_says_what_else_there_is(compiled: Path) -> None:
    said = headrace("run", str(compiled), "-p", "a=1")
    assert isinstance(said.exception, InvalidInput)
    assert "pipeline submit" in str(said.exception)


def test_a_run_is_submitted_with_its_arguments(backend: KfpBackend, compiled: Path) -> None:
    said = to(backend, "submit", compiled, "--name", "tonight")
    assert said.exit_code == 0, said.output
    run = backend.the_only("runs")
    assert said.stdout == f"{backend.url}/#/runs/details/{run['run_id']}\n"
    assert run["display_name"] == "tonight"
    assert run["experiment_id"] == backend.the_only("experiments")["experiment_id"]
    assert run["runtime_config"]["parameters"] == {"a": 1}
    assert run["pipeline_spec"]["pipelineInfo"]["name"] == "adding"


def test_a_schedule_runs_one_at_a_time_and_makes_up_for_nothing(
    backend: KfpBackend, compiled: Path
) -> None:
    said = to(backend, "schedule", compiled, "--cron", "0 30 6 * * MON-FRI")
    assert said.exit_code == 0, said.output
    assert "06:30:00 UTC" in said.stdout
    made = backend.the_only("recurringruns")
    assert made["display_name"] == "adding"
    assert made["trigger"]["cron_schedule"]["cron"] == "0 30 6 * * MON-FRI"
    assert (made["max_concurrency"], made["no_catchup"], made["mode"]) == (1, True, "ENABLE")


def test_the_same_schedule_again_leaves_one_of_its_name_and_no_other_alone(
    backend: KfpBackend, compiled: Path
) -> None:
    cron = ("--cron", "0 0 6 * * *")
    to(backend, "schedule", compiled, *cron, "--name", "weekly")
    to(backend, "schedule", compiled, *cron, "--name", "daily")
    # Others were made by hand under the same name: more than one page of them.
    schedules = backend.kept["recurringruns"]
    first = next(one for one in schedules.values() if one["display_name"] == "daily")
    for number in range(4):
        name = f"by-hand-{number}"
        schedules[name] = {**first, "recurring_run_id": name}
    said = to(backend, "schedule", compiled, *cron, "--name", "daily")
    assert said.exit_code == 0, said.output
    assert len(backend.deleted) == 5
    names = [one["display_name"] for one in schedules.values()]
    assert sorted(names) == ["daily", "weekly"]
    assert len(backend.kept["experiments"]) == 1
    assert "in place of" in said.stdout


def test_a_crash_after_the_deletion_is_mended_by_the_next_call(
    backend: KfpBackend, compiled: Path
) -> None:
    cron = ("--cron", "0 0 6 * * *")
    to(backend, "schedule", compiled, *cron)
    backend.kept["recurringruns"].clear()
    said = to(backend, "schedule", compiled, *cron)
    assert said.exit_code == 0, said.output
    assert len(backend.kept["recurringruns"]) == 1


def test_a_token_is_brought_from_a_file(
    backend: KfpBackend, compiled: Path, tmp_path: Path
) -> None:
    backend.token = "secret"
    file = tmp_path / "token"
    file.write_text("secret\n")
    assert to(backend, "submit", compiled, "--token-file", str(file)).exit_code == 0
    refused = to(backend, "submit", compiled)
    assert isinstance(refused.exception, PermanentError)
    assert "the user may not do this. Give a token" in str(refused.exception)


def test_mistakes_are_told_before_anybody_is_asked(backend: KfpBackend, compiled: Path) -> None:
    five = to(backend, "schedule", compiled, "--cron", "0 6 * * *")
    assert "has 5 fields; expected six" in str(five.exception)
    unknown = to(backend, "submit", compiled, "-p", "c=1")
    assert "c is no parameter; expected one of a, b" in str(unknown.exception)
    assert backend.requests == []


def test_a_backend_that_is_away_or_another_thing_is_told(
    backend: KfpBackend, compiled: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        away = headrace("submit", str(compiled), "--host", url, "-p", "a=1")
    assert isinstance(away.exception, PlatformUnavailable)
    assert "does not answer" in str(away.exception)
    other = headrace("submit", str(compiled), "--host", f"{backend.url}/shop", "-p", "a=1")
    assert isinstance(other.exception, NotFound)
    assert "KFP backends 2.5 and newer" in str(other.exception)
