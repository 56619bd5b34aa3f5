"""`headrace render` as a person and a pipeline use it, and the page about it."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from headrace.cli.main import main

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "manifests" / "examples" / "canary-gateway"
PAGE = (ROOT / "docs" / "rendering.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("rollout.yaml", "before.yaml"):
        (tmp_path / name).write_text((EXAMPLE / name).read_text("utf-8"), "utf-8")
    other = (
        (EXAMPLE / "before.yaml")
        .read_text("utf-8")
        .replace("{name: flight-delay, names", "{name: a, names")
    )
    (tmp_path / "other.yaml").write_text(other, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, text: str = "") -> int:
    monkeypatch.setattr(sys, "argv", ["headrace", *arguments])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


Captured = pytest.CaptureFixture[str]


def test_it_shows_where_the_rollout_leads(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert run(monkeypatch, "render", "rollout.yaml") == 0
    assert capsys.readouterr().out == (EXAMPLE / "rendered" / "promoted.yaml").read_text("utf-8")


def test_it_shows_a_stage(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    arguments = ("rollout.yaml", "--stable", "before.yaml", "--stage", "canary:25")
    assert run(monkeypatch, "render", *arguments) == 0
    assert capsys.readouterr().out == (EXAMPLE / "rendered" / "canary-25.yaml").read_text("utf-8")


def test_it_writes_a_file_for_each_kind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("rollout.yaml", "--stable", "before.yaml", "--stage", "all", "-o", "out")
    assert run(monkeypatch, "render", *arguments) == 0
    stage = folder / "out" / "canary-25"
    assert len(list(yaml.safe_load_all((stage / "deployment.yaml").read_text("utf-8")))) == 2
    assert (stage / "httproute.yaml").exists()
    assert (folder / "out" / "rolled-back").is_dir()


def test_it_writes_a_chart_of_a_stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--stable", "before.yaml", "--stage", "canary:25", "--format", "helm")
    assert run(monkeypatch, "render", "rollout.yaml", *arguments, "-o", "chart") == 0
    values = yaml.safe_load((folder / "chart" / "values.yaml").read_text("utf-8"))
    assert values["candidate"]["weight"] == 25
    assert (folder / "chart" / "templates" / "httproute.yaml").exists()


def test_a_chart_that_is_written_anew_keeps_a_persons_templates_and_none_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("render", "rollout.yaml", "--format", "helm", "-o", "chart")
    assert run(monkeypatch, *arguments) == 0
    templates = folder / "chart" / "templates"
    (templates / "mine.yaml").write_text("kind: Secret\n", encoding="utf-8")
    assert run(monkeypatch, *arguments, "--router", "Istio") == 0
    assert not (templates / "httproute.yaml").exists()
    assert (templates / "virtualservice.yaml").exists()
    assert (templates / "mine.yaml").exists()


def test_it_reads_several_documents_from_standard_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    one = (folder / "rollout.yaml").read_text("utf-8")
    other = one.replace("name: flight-delay, namespace", "name: other, namespace")
    text = f"---\n{one}--- # next\n{other}---\n# nothing\n"
    assert run(monkeypatch, "render", "-", "--router", "None", text=text) == 0
    rendered = capsys.readouterr().out
    names = {each["metadata"]["labels"]["headrace.dev/rollout"] for each in documents(rendered)}
    assert names == {"flight-delay", "other"}
    assert {each["kind"] for each in documents(rendered)}.isdisjoint({"HTTPRoute"})


def documents(text: str) -> list[dict[str, dict[str, dict[str, str]]]]:
    return [each for each in yaml.safe_load_all(text) if each]


def test_json_is_a_list_that_kubectl_takes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert run(monkeypatch, "render", "rollout.yaml", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    wanted = documents((EXAMPLE / "rendered" / "promoted.yaml").read_text("utf-8"))
    assert (found["kind"], found["items"]) == ("List", wanted)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rollout.yaml", "--stage", "canary:25"], "give --stable"),
        (["rollout.yaml", "--stable", "before.yaml", "--stage", "x"], "canary:5, canary:25"),
        (["rollout.yaml", "--stable", "other.yaml"], "has no rollout models/flight-delay"),
        (["rollout.yaml", "--format", "helm"], "give -o"),
        (["rollout.yaml", "--router", "Seldon"], "spec.routing.provider: is Seldon"),
        (["nowhere.yaml"], "there is no such file"),
        (["-"], "There is no ModelRollout in -"),
    ],
    ids=[
        "no stable",
        "no such stage",
        "stable of another",
        "a chart without a folder",
        "an impossible router",
        "no file",
        "an empty input",
    ],
)
def test_what_it_cannot_show_it_says(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    arguments: list[str],
    said: str,
) -> None:
    assert run(monkeypatch, "render", *arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_a_fault_has_the_line_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    one = (folder / "rollout.yaml").read_text("utf-8")
    lines = len(one.splitlines())
    assert run(monkeypatch, "render", "-", text=f"{one}---\na: b: c\n") == 2
    assert f"line {lines + 2}," in capsys.readouterr().err


COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_does_what_it_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    program, *arguments = shlex.split(command.split("|")[0].split(">")[0])
    assert program == "headrace"
    assert run(monkeypatch, *arguments) == 0


def test_the_page_has_every_object_that_is_rendered() -> None:
    files = (ROOT / "manifests" / "examples").glob("*/rendered/*.yaml")
    kinds = {
        kind
        for path in files
        for kind in re.findall(r"^kind: (\w+)", path.read_text("utf-8"), re.M)
    }
    assert [kind for kind in kinds if f"`{kind}`" not in PAGE] == []
