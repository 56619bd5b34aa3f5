"""The commands that read and write files of rollouts: lint, plan, init, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from headrace.api import load_rollout
from headrace.cli.main import cli
from headrace.cli.starter import STRATEGIES
from headrace.errors import Conflict, InvalidInput, InvalidRollout
from headrace.lint.catalogue import RULES
from headrace.lint.linter import Options, lint
from headrace.lint.sources import read_sources
from headrace.render.crd import definition

BAD = "apiVersion: headrace.dev/v1alpha1\nkind: ModelRollout\nspec: {}\n"


def run(*arguments: str, text: str | bytes = "") -> Result:
    return CliRunner().invoke(cli, list(arguments), input=text)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def warned(here: Path) -> str:
    run("init", "--name", "churn", "-o", "warned.yaml")
    file = here / "warned.yaml"
    file.write_text(file.read_text("utf-8").replace("noDataTimeout: 5m", "noDataTimeout: 15s"))
    return "warned.yaml"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_init_writes_lints_clean_and_has_comments(strategy: str, here: Path) -> None:
    said = run("init", "--name", "churn", "--strategy", strategy)
    assert said.exit_code == 0
    assert "rollout.yaml is written" in said.stdout
    report = lint(list(read_sources(["rollout.yaml"])), Options(rate=40))
    assert (report.findings, report.unread, report.rollouts) == ((), (), 1)
    assert (here / "rollout.yaml").read_text("utf-8").count("#") > 8
    chosen = load_rollout(here / "rollout.yaml").spec.strategy.chosen
    assert type(chosen).__name__.lower() == strategy.replace("-", "")


def test_init_takes_flags(here: Path) -> None:
    digest = f"sha256:{'ab' * 32}"
    flags = [
        "--namespace",
        "models",
        "--model-version",
        "7",
        "--uri",
        "gs://b/7: #",
        "-o",
        "a.yaml",
    ]
    said = run("init", "--name", "churn", "--digest", digest, *flags)
    assert "placeholder" not in said.stdout
    rollout = load_rollout(here / "a.yaml")
    assert rollout.key == "models/churn"
    assert str(rollout.spec.model) == "churn 7"
    assert rollout.spec.model.uri == "gs://b/7: #"


def test_init_writes_over_nothing_unless_forced(here: Path) -> None:
    (here / "rollout.yaml").write_text("mine", "utf-8")
    assert isinstance(run("init").exception, Conflict)
    assert (here / "rollout.yaml").read_text("utf-8") == "mine"
    assert run("init", "--force").exit_code == 0
    assert "ModelRollout" in (here / "rollout.yaml").read_text("utf-8")


def test_init_refuses_a_name_that_is_none(here: Path) -> None:
    assert isinstance(run("init", "--name", "Not A Name").exception, InvalidRollout)
    assert not list(here.iterdir())


def test_init_writes_to_standard_output(here: Path) -> None:
    said = run("init", "--strategy", "shadow", "-o", "-")
    assert yaml.safe_load(said.stdout)["spec"]["strategy"]["shadow"]["hold"] == "1h"
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["good.yaml"], 0, id="clean"),
        pytest.param(["warned.yaml"], 0, id="a warning"),
        pytest.param(["warned.yaml", "--strict"], 1, id="a warning that is strict"),
        pytest.param(["bad.yaml", "good.yaml"], 1, id="an error"),
        pytest.param(["absent.yaml", "bad.yaml"], 2, id="a file that is not there"),
        pytest.param(["good.yaml", "--format", "xml"], 2, id="a wrong option"),
        pytest.param(["good.yaml", "--rate", "0"], 2, id="no rate"),
        pytest.param([], 2, id="nothing named"),
        pytest.param(["-"], 1, id="standard input"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, here: Path, warned: str) -> None:
    run("init", "-o", "good.yaml")
    (here / "bad.yaml").write_text(BAD, "utf-8")
    said = run("lint", *arguments, text=BAD)
    assert said.exit_code == code, said.output
    assert "Traceback" not in said.output


def test_findings_for_people_have_a_place_and_no_colours_in_a_pipe(here: Path) -> None:
    said = run("lint", "-", text=BAD)
    assert "(stdin):3:1: error HR002 spec.model: is missing" in said.stdout
    assert "(stdin):1:1: error HR002 metadata: is missing" in said.stdout
    assert said.stdout.endswith("1 rollout, 4 errors, 0 warnings\n")
    assert "\x1b" not in said.stdout


def test_findings_as_json(here: Path, warned: str) -> None:
    written = json.loads(run("lint", warned, "absent.yaml", "--format", "json").stdout)
    assert (written["rollouts"], written["errors"], written["warnings"]) == (1, 0, 1)
    assert written["unread"] == [{"file": "absent.yaml", "problem": "there is no such file"}]
    (finding,) = written["findings"]
    assert finding["code"] == "HR012"
    assert finding["path"] == "spec.analysis.noDataTimeout"
    line = (here / warned).read_text("utf-8").splitlines()[finding["line"] - 1]
    assert line[finding["column"] - 1 :].startswith("noDataTimeout")


def test_findings_as_sarif(here: Path) -> None:
    (here / "a b.yaml").write_text(BAD, "utf-8")
    log = json.loads(run("lint", "a b.yaml", "absent.yaml", "--format", "sarif").stdout)
    assert log["version"] == "2.1.0"
    (one,) = log["runs"]
    rules = one["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in RULES]
    assert len(one["results"]) == 4
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == "a%20b.yaml"
        assert physical["region"]["startLine"] >= 1
    assert one["invocations"][0]["executionSuccessful"] is False
    (note,) = one["invocations"][0]["toolExecutionNotifications"]
    assert "absent.yaml" in note["message"]["text"]


def test_online_looks_for_the_bundle(here: Path) -> None:
    run("init", "--uri", f"file://{here}/bundle", "-o", "a.yaml")
    said = run("lint", "--online", "a.yaml")
    assert said.exit_code == 1
    assert "error HR020 spec.model.uri" in said.stdout
    (here / "bundle").mkdir()
    (here / "bundle" / "model.json").write_text("{}", "utf-8")
    assert run("lint", "--online", "a.yaml").exit_code == 0


def test_online_says_what_cannot_be_read_at_all(here: Path) -> None:
    run("init", "--uri", "nowhere://models/1", "-o", "a.yaml")
    said = run("lint", "--online", "a.yaml")
    assert "Protocol not known: nowhere" in said.stdout


def test_the_plan_says_what_will_happen(here: Path) -> None:
    run("init", "--name", "churn", "-o", "a.yaml")
    said = run("plan", "a.yaml", "--rate", "40", "--error-rate", "0.01")
    assert said.exit_code == 0
    assert "2  weight 5 for 10m" in said.stdout
    assert "1,200 requests" in said.stdout
    assert "At least 40m before the switch, at most 6h" in said.stdout
    assert "errors: failures from 1 % to" in said.stdout
    assert "latency: not forecast: give --median and --p95" in said.stdout
    assert "agreement: not forecast: how far stable is from its limit" in said.stdout
    assert "Missing data holds the rollout, and never rolls back." in said.stdout
    assert "candidates get" not in run("plan", "a.yaml").stdout


def test_the_plan_forecasts_latency_of_answers_that_take_so_long_today(here: Path) -> None:
    run("init", "--name", "churn", "-o", "a.yaml")

    def forecast(rate: str, *more: str) -> dict[str, Any]:
        said = run("plan", "a.yaml", "--rate", rate, "--json", *more)
        assert said.exit_code == 0, said.output
        (written,) = json.loads(said.stdout)
        found: dict[str, Any] = {one["check"]: one for one in written["forecasts"]}
        return found

    assert "latency" not in forecast("40")
    found = forecast("40", "--median", "20ms", "--p95", "60ms")["latency"]
    assert "times as long are found in" in found["sentence"]
    assert 1 < found["factor"] < 10
    assert found["proved_after"] > 0
    busy = forecast("400", "--median", "20ms", "--p95", "60ms")["latency"]
    assert busy["factor"] < found["factor"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--median", "20ms", "--p95", "60ms"], "say nothing without --rate"),
        (["--rate", "1", "--median", "20ms"], "are told together"),
        (["--rate", "1", "--median", "20ms", "--p95", "10ms"], "must be longer than --median"),
        (["--rate", "1", "--median", "0s", "--p95", "10ms"], "above zero"),
    ],
)
def test_latencies_that_say_nothing_are_refused(
    here: Path, arguments: list[str], said: str
) -> None:
    run("init", "--name", "churn", "-o", "a.yaml")
    assert said in str(run("plan", "a.yaml", *arguments).exception)


def test_more_traffic_needs_less_time(here: Path) -> None:
    run("init", "--name", "churn", "-o", "a.yaml")

    def seconds(rate: str) -> list[float]:
        (written,) = json.loads(run("plan", "a.yaml", "--rate", rate, "--json").stdout)
        return [need["seconds"] for step in written["steps"] for need in step["needs"]]

    slow, fast = seconds("20"), seconds("200")
    assert len(slow) == 3
    assert all(a > b for a, b in zip(slow, fast, strict=True))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_has_a_plan(strategy: str, here: Path) -> None:
    run("init", "--strategy", strategy, "-o", "a.yaml")
    (written,) = json.loads(run("plan", "a.yaml", "--rate", "40", "--json").stdout)
    assert written["steps"]
    assert written["max_duration"] >= written["seconds"]
    assert set(written["harms"]) >= {"errors", "latency"}
    assert len(written["endings"]) >= 5
    assert run("plan", "a.yaml", "--rate", "40").exit_code == 0


def test_the_plan_reads_several_rollouts_and_refuses_what_it_cannot_read(here: Path) -> None:
    one = run("init", "--name", "one", "-o", "-").stdout
    two = run("init", "--name", "two", "-o", "-").stdout
    said = run("plan", "-", text=f"{one}---\n{two}")
    assert "default/one" in said.stdout
    assert "default/two" in said.stdout
    assert isinstance(run("plan", "absent.yaml").exception, InvalidInput)
    assert isinstance(run("plan", "-", text="kind: Service").exception, InvalidInput)
    assert isinstance(run("plan", "-", text=BAD).exception, InvalidRollout)
    assert isinstance(run("plan", "-", text="a: [").exception, InvalidRollout)
    assert isinstance(run("plan", "-", text=b"\xff").exception, InvalidInput)


def test_the_schema_is_printed() -> None:
    assert json.loads(run("schema").stdout)["title"] == "ModelRollout"
    assert yaml.safe_load(run("schema", "--crd").stdout) == definition()
