from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.main import cli
from headrace.controller.store import RolloutStore
from headrace.errors import InvalidInput, NotFound
from headrace.registry import CHAMPION, Registry
from headrace.registry.lineage import Lineage, trace
from headrace.serving.bundle import digest
from tests.local.registry.test_registry import bundle
from tests.unit.report.journals import three_releases

DATA, OTHER_DATA = "sha256:" + "1" * 64, "sha256:" + "2" * 64
COMMIT, OTHER_COMMIT = "a" * 40, "b" * 40
EVALUATION = "sha256:" + "3" * 64


def released(uri: str, folder: Path, version: str, data: str, commit: str) -> Path:
    metadata = {
        "data-digest": data,
        "code-commit": commit,
        "evaluation": EVALUATION,
        "estimator": "sklearn.linear_model.LogisticRegression",
    }
    path = bundle(folder, version, metadata=metadata)
    Registry(uri).register(path, digest(path), {"auc": 0.71}, {}, metadata)
    return path


@pytest.fixture
def three(uri: str, tmp_path: Path) -> Mapping[str, Path]:
    """Three versions: 1 and 2 of the same data, 2 and 3 of the same code; 2 is the champion."""
    paths = {
        "1": released(uri, tmp_path, "1", DATA, OTHER_COMMIT),
        "2": released(uri, tmp_path, "2", DATA, COMMIT),
        "3": released(uri, tmp_path, "3", OTHER_DATA, COMMIT),
    }
    Registry(uri).promote("flight-delay", "2")
    return paths


def only(found: tuple[Lineage, ...]) -> Lineage:
    assert len(found) == 1
    return found[0]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("subject", ["flight-delay@2", f"flight-delay@{CHAMPION}"])
def test_a_version_leads_to_all_it_was_made_of(uri: str, subject: str) -> None:
    found = only(trace(subject, Registry(uri)))
    assert (found.name, found.version, found.aliases) == ("flight-delay", "2", (CHAMPION,))
    assert (found.data, found.code, found.evaluation) == (DATA, COMMIT, EVALUATION)
    assert found.scores == {"auc": 0.71}
    assert found.metadata == {"estimator": "sklearn.linear_model.LogisticRegression"}
    assert found.run == Registry(uri).version_named("flight-delay", "2").run_id


@pytest.mark.usefixtures("three")
def test_a_version_names_those_of_the_same_data_and_code(uri: str) -> None:
    found = only(trace("flight-delay@2", Registry(uri)))
    assert found.related["data"] == ("flight-delay@1",)
    assert found.related["code"] == ("flight-delay@3",)
    assert found.related["digest"] == ()


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("subject", "versions"),
    [(DATA, ["1", "2"]), (COMMIT, ["2", "3"]), (EVALUATION, ["1", "2", "3"])],
    ids=["data", "commit", "evaluation"],
)
def test_back_from_what_versions_come_from(uri: str, subject: str, versions: list[str]) -> None:
    assert [one.version for one in trace(subject, Registry(uri))] == versions


def test_back_from_a_bundle_s_digest_and_from_its_run(uri: str, three: Mapping[str, Path]) -> None:
    registry = Registry(uri)
    assert only(trace(digest(three["3"]), registry)).version == "3"
    # Versions that no training run is known of are found by the run that they were registered in.
    run = only(trace("flight-delay@3", registry)).run
    assert only(trace(run, registry)).version == "3"


def test_a_bundle_s_folder_is_told_of_with_and_without_a_registry(
    uri: str, three: Mapping[str, Path], tmp_path: Path
) -> None:
    known = only(trace(str(three["2"]), Registry(uri)))
    assert known.aliases == (CHAMPION,)
    alone = only(trace(str(three["2"]), None))
    assert (alone.data, alone.code, alone.digest) == (DATA, COMMIT, known.digest)
    new = bundle(tmp_path, "9", metadata={"data-digest": DATA})
    assert only(trace(str(new), Registry(uri))).version == "9"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("subject", "error", "said"),
    [
        ("flight-delay@9", NotFound, "9 is not registered"),
        ("flight-delay@challenger", NotFound, "has no challenger"),
        ("sha256:" + "f" * 64, NotFound, "No registered version comes from"),
        ("nobody", NotFound, "expected that, or a whole digest"),
        ("x' or '1'='1", InvalidInput, "cannot be looked for"),
    ],
)
def test_what_is_not_known_is_said(
    uri: str, subject: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        trace(subject, Registry(uri))


@pytest.mark.usefixtures("three")
def test_the_command_tells_when_it_was_live(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))
    rollout = three_releases().rollout()
    store = RolloutStore(tmp_path / "home" / "models" / "flight-delay")
    store.apply(rollout)
    store.write_status(rollout.status)
    said = CliRunner().invoke(cli, ["lineage", "flight-delay@1", "--registry", uri, "--json"])
    assert said.exit_code == 0, said.output
    (told,) = json.loads(said.stdout)
    assert told["data"] == DATA
    (stay,) = told["rollouts"]
    assert (stay["rollout"], stay["outcome"]) == ("models/flight-delay", "Live")
    promoted = next(entry for entry in rollout.status.history if entry.outcome == "Promoted")
    assert stay["until"] is not None
    text = CliRunner().invoke(cli, ["lineage", "flight-delay@2", "--registry", uri])
    assert "same data" in text.output
    assert "to now, by models/flight-delay" in text.output
    assert "\x1b[" not in text.output
    assert promoted.version == "2"


def test_the_command_without_a_registry_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    said = CliRunner().invoke(cli, ["lineage", "flight-delay@1"])
    assert isinstance(said.exception, InvalidInput)
    assert "--registry or MLFLOW_TRACKING_URI" in str(said.exception)
