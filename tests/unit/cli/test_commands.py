"""The commands as a person meets them: help, errors, exit codes."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from headrace.cli.main import main
from headrace.controller.store import RolloutStore
from headrace.engine.observations import Wish
from tests.unit.engine.rollouts import under_test

COMMANDS = [
    "demo",
    "up",
    "status",
    "watch",
    "why",
    "history",
    "promote",
    "abort",
    "pause",
    "resume",
    "undo",
    "retry",
    "init",
    "lint",
    "plan",
    "schema",
    "simulate",
    "judge",
    "render",
    "diff",
    "bundle",
    "pipeline",
    "labels",
    "lineage",
    "doctor",
]


class Said(NamedTuple):
    """What a command answered."""

    returncode: int
    stdout: str
    stderr: str


Headrace = Callable[..., Said]


@pytest.fixture
def headrace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Headrace]:
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str, home: Path, text: str | bytes = "") -> Said:
        monkeypatch.chdir(home)
        monkeypatch.setenv("HEADRACE_HOME", str(home))
        monkeypatch.setenv("COLUMNS", "100")
        # Nobody's cluster is meant by a test.
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        monkeypatch.setattr(sys, "argv", ["headrace", *arguments])
        raw = io.BytesIO(text.encode() if isinstance(text, str) else text)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, encoding="utf-8"))
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        return Said(code, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    world = under_test()
    store = RolloutStore(tmp_path / "models" / "flight-delay")
    store.apply(world.rollout)
    store.write_status(world.status)
    return tmp_path


def test_the_help_lists_every_command(tmp_path: Path, headrace: Headrace) -> None:
    said = headrace("--help", home=tmp_path)
    assert said.returncode == 0
    assert all(f"\n  {command} " in said.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, tmp_path: Path, headrace: Headrace) -> None:
    said = headrace(command, "--help", home=tmp_path)
    assert said.returncode == 0
    assert len(said.stdout.splitlines()) > 5


def test_an_invalid_rollout_is_refused_with_every_fault_and_starts_nothing(
    tmp_path: Path, headrace: Headrace
) -> None:
    said = headrace("up", "-", home=tmp_path, text="spec: {model: {version: 7}}")
    assert said.returncode == 2
    assert "(standard input) is not a valid ModelRollout" in said.stderr
    assert "spec.model.version: is 7; expected string" in said.stderr
    assert "spec.strategy: is missing" in said.stderr
    assert "Traceback" not in said.stderr
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_is_named(tmp_path: Path, headrace: Headrace) -> None:
    said = headrace("up", "absent.yaml", home=tmp_path)
    assert said.returncode == 2
    assert "There is no file absent.yaml" in said.stderr


def test_a_standard_input_that_is_not_utf_8_is_refused(tmp_path: Path, headrace: Headrace) -> None:
    said = headrace("up", "-", home=tmp_path, text=b"kind: \xe4")
    assert (said.returncode, said.stdout) == (2, "")
    assert "The standard input is not UTF-8" in said.stderr


LONG = "a" * 300


@pytest.mark.parametrize(
    ("typed", "code", "expected"),
    [
        (f"lint {LONG}", 2, "cannot be read: File name too long"),
        (f"init -o {LONG}", 1, "File name too long"),
        (f"lineage {LONG}", 2, "there is no registry to ask for it"),
        ("init -o rollout.yaml/under", 2, "rollout.yaml/under cannot be written"),
        ("pipeline compile values.yaml", 2, "no compiled pipeline, as it has no root"),
        ("pipeline run --local deep.yaml", 2, "no compiled pipeline, as it cannot be read"),
        ("pipeline compile pipeline.yaml -o folder", 2, "folder cannot be written"),
        ("pipeline submit pipeline.yaml --host http://a --token-file junk", 2, "as a token"),
        ("diff rollout.yaml --kubeconfig deep.yaml", 2, "No cluster is configured"),
        ("up rollout.yaml --registry http://[", 2, "is not supported"),
        ("lineage flight-delay@1 --registry http://[", 2, "is not supported"),
        ("labels collect http://[ --model a --once", 2, "no address of a ring"),
        ("labels add junk --model a", 2, "Line 1 is no JSON"),
        ("labels add empty --model a", 0, "nothing is known yet"),
        ("plan rollout.yaml --rate 40 --error-rate nan", 2, "'nan' is no finite number"),
        ("simulate rollout.yaml --errors nan", 2, "'nan' is no finite number"),
        ("lint rollout.yaml --rate inf", 2, "'inf' is no finite number"),
        ("init --force --namespace ../../elsewhere", 2, "metadata.namespace: is '../../elsewhere'"),
    ],
)
def test_bad_input_gets_a_sentence_and_no_traceback(
    typed: str, code: int, expected: str, tmp_path: Path, headrace: Headrace
) -> None:
    (tmp_path / "values.yaml").write_text("model_name: churn\n")
    (tmp_path / "pipeline.yaml").write_text("root: {}\n")
    (tmp_path / "deep.yaml").write_text("[" * 10_000)
    (tmp_path / "junk").write_bytes(b"\xe4\n")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    headrace("init", "--name", "churn", home=tmp_path)
    said = headrace(*typed.split(), home=tmp_path)
    assert expected in said.stdout + said.stderr
    assert said.returncode == code


def test_the_status_says_where_the_rollout_is_and_why(home: Path, headrace: Headrace) -> None:
    said = headrace("status", home=home)
    assert said.returncode == 0
    assert "Progressing" in said.stdout
    assert "errors" in said.stdout
    assert "\x1b" not in said.stdout


def test_the_status_as_json_is_the_resource(home: Path, headrace: Headrace) -> None:
    said = headrace("status", "--json", home=home)
    assert '"phase": "Progressing"' in said.stdout


@pytest.mark.parametrize("wish", ["promote --full", "abort", "retry", "pause", "resume", "undo"])
def test_a_request_is_kept_for_the_next_run_where_nothing_runs(
    wish: str, home: Path, headrace: Headrace
) -> None:
    said = headrace(*wish.split(), home=home)
    assert said.returncode == 0
    assert "takes effect at the next `headrace up`" in said.stdout
    ask = RolloutStore(home / "models" / "flight-delay").pending_ask()
    assert ask is not None
    assert ask.wish.value == wish.replace(" --", "-")


def test_promote_is_refused_where_nothing_waits_for_a_person(
    home: Path, headrace: Headrace
) -> None:
    said = headrace("promote", home=home)
    assert said.returncode == 1
    assert "does not wait for a person" in said.stderr
    assert "`headrace promote --full`" in said.stderr
    assert RolloutStore(home / "models" / "flight-delay").pending_ask() is None


def test_commands_say_where_the_rollout_is(home: Path, headrace: Headrace) -> None:
    assert headrace("status", home=home).stderr == "headrace: on this machine\n"
    assert headrace("status", "-n", "models", "flight-delay", home=home).returncode == 0
    assert headrace("status", "-n", "other", "flight-delay", home=home).returncode == 1


def test_the_status_says_what_is_to_come_and_which_conditions_hold(
    home: Path, headrace: Headrace
) -> None:
    said = headrace("status", home=home).stdout
    assert "at least 2m of observation, the proof" in said
    assert "Ready True, Progressing True" in said
    assert "Stalled False" in said


@pytest.fixture
def rolled_back(tmp_path: Path) -> Path:
    world = under_test()
    world.metrics.script.candidate_errors = 0.4
    world.ask(Wish.PAUSE)
    world.until("ErrorRateWorse")
    for _ in range(6):
        world.tick()
    store = RolloutStore(tmp_path / "models" / "flight-delay")
    store.apply(world.rollout)
    store.write_status(world.status)
    return tmp_path


def test_why_answers_with_numbers(rolled_back: Path, headrace: Headrace) -> None:
    said = headrace("why", home=rolled_back).stdout
    assert "flight-delay 2 rolled back at 1970-01-12" in said
    assert "the odds against chance are" in said
    assert "requests: stable " in said
    assert " failed)" in said
    assert "errors  Fail" in said
    assert "\x1b" not in said
    first = headrace("why", "--version", "1", home=rolled_back).stdout
    assert "flight-delay 1 live at" in first


def test_why_of_a_rollout_under_way_is_its_last_decision(home: Path, headrace: Headrace) -> None:
    said = headrace("why", home=home).stdout
    assert "models/flight-delay 2 is under test" in said
    assert "Advance StepHeld since 1970-01-12" in said
    assert "requests: stable " in said


def test_why_of_an_unknown_version_names_the_known_ones(home: Path, headrace: Headrace) -> None:
    said = headrace("why", "--version", "9", home=home)
    assert said.returncode == 1
    assert "no record of version 9. Known: 1." in said.stderr


def test_the_history_tells_rollouts_and_requests_in_order(
    rolled_back: Path, headrace: Headrace
) -> None:
    lines = headrace("history", home=rolled_back).stdout.splitlines()
    assert [line.split("  ")[1].strip() for line in lines[1:] if line.startswith("1970")] == [
        "1 live",
        "headrace pause",
        "2 rolled back",
    ]
    said = headrace("history", "--json", home=rolled_back).stdout
    happened = [json.loads(line) for line in said.splitlines()]
    assert [one["by"] for one in happened] == ["headrace", "ada", "headrace"]
    assert happened[-1]["kind"] == "RolledBack"


def test_where_there_is_no_rollout_every_command_says_what_to_do(
    tmp_path: Path, headrace: Headrace
) -> None:
    for command in ("status", "watch", "why", "history", "promote", "abort", "retry", "undo"):
        said = headrace(command, home=tmp_path)
        assert said.returncode == 1
        assert "headrace up ROLLOUT.yaml" in said.stderr


def test_a_demo_outside_a_checkout_says_so(tmp_path: Path, headrace: Headrace) -> None:
    said = headrace("demo", home=tmp_path)
    assert said.returncode == 1
    assert "Run the demo in a checkout" in said.stderr


def test_what_kubernetes_sets_for_a_service_is_no_option_of_the_controller(
    headrace: Headrace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_PORT", "tcp://10.96.215.209:8080")
    options = ["--prometheus", "http://p", "--kubeconfig", "missing"]
    said = headrace("controller", *options, home=tmp_path)
    assert "--kubeconfig" in said.stderr
    assert "--port" not in said.stderr
