from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kfp import dsl

from headrace.cli.main import cli
from headrace.errors import NotFound, PermanentError
from headrace.registry import Registry
from headrace.serving.bundle import digest
from headrace.training.packaging.package import Release, package
from tests.local.training.packaging.models import EVALUATION, make

POLICY = "card: [owner]\nfairness: [{column: carrier, measure: accuracy, largestDifference: 0.9}]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have a packaged and registered model, its evaluation and its rows."""
    folder = tmp_path_factory.mktemp("reviewed")
    model = make(folder, "multiclass")
    release = Release("flights", "7", {"owner": "ada"})
    package(folder / "bundle", release, model.path, model.train, model.holdout, EVALUATION)
    model.holdout.to_parquet(folder / "holdout", index=False)
    (folder / "evaluation").write_text(json.dumps(EVALUATION), encoding="utf-8")
    bundle = folder / "bundle"
    Registry(f"sqlite:///{folder / 'registry.db'}").register(bundle, digest(bundle), {}, {}, {})
    return folder


def run(
    function: Callable[..., Any], folder: Path, target: Path, policy: str, **more: Any
) -> tuple[str, Path, Path]:
    record = dsl.Artifact(uri=str(target / "record.json"))
    page = dsl.HTML(uri=str(target / "page.html"))
    outcome: str = function(
        bundle=dsl.Model(uri=str(folder / "bundle")),
        evaluation=dsl.Artifact(uri=str(folder / "evaluation")),
        holdout=dsl.Dataset(uri=str(folder / "holdout")),
        record=record,
        page=page,
        policy=policy,
        registry_uri=f"sqlite:///{folder / 'registry.db'}",
        timeout="100ms",
        interval="10ms",
        **more,
    )
    assert record.metadata["outcome"] == outcome
    return outcome, Path(record.path), Path(page.path)


def test_a_yes_by_the_command_is_enough_and_the_record_is_kept(
    component: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    policy = POLICY + "approvals: {needed: 1, by: [ada@example.com]}\n"
    outcome, _, _ = run(component, folder, tmp_path, policy, must_be_approved=False)
    assert outcome == "TimedOut"
    uri = f"sqlite:///{folder / 'registry.db'}"
    arguments = ("approve", "flights", "7", "--registry", uri, "--as", "ada@example.com")
    said = CliRunner().invoke(cli, arguments)
    assert said.exit_code == 0, said.output
    assert "approved by ada@example.com" in said.output
    outcome, record, page = run(component, folder, tmp_path, policy)
    assert outcome == "Approved"
    document = json.loads(record.read_text("utf-8"))
    assert [each["by"] for each in document["words"]] == ["ada@example.com"]
    assert "ada@example.com" in page.read_text("utf-8")
    registry = Registry(uri)
    assert registry.tags_of("flights", "7")["headrace.reviewed"].startswith("Approved: ")
    run_id = registry.version_named("flights", "7").run_id
    kept = Path(registry._client.download_artifacts(run_id, "review.json")).read_text("utf-8")
    assert json.loads(kept) == document


def test_words_may_be_files(component: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    place = (tmp_path / "words").as_uri()
    uri = f"sqlite:///{folder / 'registry.db'}"
    arguments = ("approve", "flights", "7", "--registry", uri, "--at", place, "--as", "grace")
    said = CliRunner().invoke(cli, (*arguments, "--reject", "--comment", "no"))
    assert said.exit_code == 0, said.output
    policy = POLICY + "approvals: {needed: 1}\n"
    with pytest.raises(PermanentError, match="Rejected: grace: no"):
        run(component, folder, tmp_path, policy, approvals=place)


def test_a_version_that_is_not_registered_cannot_be_approved(folder: Path) -> None:
    uri = f"sqlite:///{folder / 'registry.db'}"
    said = CliRunner().invoke(cli, ("approve", "flights", "8", "--registry", uri))
    assert isinstance(said.exception, NotFound) or said.exit_code
