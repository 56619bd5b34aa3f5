from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kfp import dsl

from components.conftest import Files
from headrace.api import Phase, Status, load_rollout
from headrace.controller.store import RolloutStore
from headrace.delivery.roll_out import roll_out
from headrace.delivery.template import ModelVersion
from headrace.errors import InvalidRollout
from headrace.labels.records import Label, Prediction
from headrace.labels.store import LabelStore
from headrace.registry import CHAMPION, Registry
from headrace.registry.challenger import register_challenger
from headrace.registry.rejections import remember_rejection
from headrace.training.data.table import write_table

Asked = Callable[..., tuple[bool, str, str]]

TEMPLATE = """
kind: ModelRollout
metadata: {name: flights, namespace: models}
spec:
  strategy: {canary: {steps: [{weight: 5, hold: 5m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""


@pytest.fixture(scope="module")
def database(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a registry whose champion was fitted on the training rows; it takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "registry.db"
    register_challenger(f"sqlite:///{file}", files.bundle, files.bundle.as_uri(), files.digest, {})
    Registry(f"sqlite:///{file}").promote("flight-delay", "1")
    return file


@pytest.fixture
def uri(database: Path, tmp_path: Path) -> str:
    """Give a copy of it."""
    shutil.copy(database, tmp_path / "registry.db")
    return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.fixture
def ask(component: Callable[..., Any], files: Files, uri: str, tmp_path: Path) -> Asked:
    """Call the component; give its answer, the reason and the version."""
    said = {name: tmp_path / name for name in ("version", "reason", "message")}

    def asked(rows: Path = files.data, **more: Any) -> tuple[bool, str, str]:
        arguments = {
            "schema": files.schema,
            "model_name": "flight-delay",
            "registry_uri": uri,
            "template": TEMPLATE,
            "target": (tmp_path / "home").as_uri().replace("file:", "local:"),
            "cool_down": "0s",
            **{name: str(path) for name, path in said.items()},
            **more,
        }
        found = component(train=dsl.Dataset(uri=str(rows)), **arguments)
        assert said["message"].read_text().strip()
        return found, said["reason"].read_text(), said["version"].read_text()

    return asked


def home(tmp_path: Path) -> str:
    return (tmp_path / "home").as_uri().replace("file:", "local:")


def test_rows_that_the_champion_was_fitted_on_are_no_reason(ask: Asked, files: Files) -> None:
    assert ask(files.train, asked="an alert")[:2] == (False, "DataUnchanged")


def test_other_rows_are_a_reason_and_name_the_version(ask: Asked, files: Files) -> None:
    found, reason, version = ask(prefix="nightly")
    assert (found, reason) == (True, "NewData")
    assert version.startswith("nightly-")
    assert ask(prefix="nightly")[2] == version, "the same again, the same name"
    others = [
        ask(files.holdout, prefix="nightly"),
        ask(prefix="nightly", parameters={"C": 2}),
        ask(prefix="nightly", recipe="tree"),
    ]
    assert len({version, *(each[2] for each in others)}) == 4


def test_a_model_without_a_champion_gets_its_first(ask: Asked) -> None:
    assert ask(model_name="churn")[:2] == (True, "FirstModel")


def test_after_a_version_was_registered_it_is_too_soon(ask: Asked) -> None:
    assert ask(cool_down="1h")[:2] == (False, "CoolingDown")


def test_what_did_not_pass_is_not_made_again(ask: Asked, uri: str) -> None:
    version = ask()[2]
    for _ in range(2):
        remember_rejection(Registry(uri), "flight-delay", version, "auc is 0.4.", {"auc": 0.4})
    assert ask()[:2] == (False, "NotPassedBefore")


@pytest.mark.parametrize("scheme", ["local", "file"])
def test_what_was_offered_is_not_offered_again(ask: Asked, tmp_path: Path, scheme: str) -> None:
    target = home(tmp_path).replace("local:", f"{scheme}:")
    version = ask(target=target)[2]
    model = ModelVersion("flight-delay", version, "file:///b", "sha256:" + "1" * 64)
    roll_out(TEMPLATE, model, target)
    assert ask(target=target)[:2] == (False, "AlreadyOffered")


def test_another_rollout_is_not_disturbed_until_it_ends(ask: Asked, tmp_path: Path) -> None:
    model = ModelVersion("flight-delay", "6", "file:///b", "sha256:" + "1" * 64)
    roll_out(TEMPLATE, model, home(tmp_path))
    assert ask()[:2] == (False, "RolloutUnderWay")
    store = RolloutStore(tmp_path / "home" / "models" / "flights")
    stable = load_rollout(store.rollout_file).spec.model
    store.write_status(Status(phase=Phase.HEALTHY, stable=stable, observed_generation=1))
    assert ask()[:2] == (True, "NewData")


def test_drift_is_measured_against_what_the_champion_was_fitted_on(
    ask: Asked, files: Files, tmp_path: Path
) -> None:
    assert ask(drift_limit=0.25)[:2] == (False, "NothingMoved")
    rows = pd.read_parquet(files.data)
    write_table(tmp_path / "moved", rows.assign(size=rows["size"] + 3))
    assert ask(tmp_path / "moved", drift_limit=0.25)[:2] == (True, "Drifted")
    assert "size" in (tmp_path / "message").read_text()


def test_a_drop_in_quality_is_told_by_the_labels(ask: Asked, tmp_path: Path) -> None:
    labels = f"sqlite:///{tmp_path / 'labels.db'}"
    wanted = {"quality": "accuracy < 0.7", "labels": labels, "least_labels": 20}
    assert ask(**wanted)[:2] == (False, "NothingMoved")
    store, now = LabelStore(labels, "flight-delay"), time.time()
    names = [f"r{i}" for i in range(20)]
    store.record_predictions([Prediction(name, "1", 0.9, now) for name in names], now)
    store.record_labels([Label(name, 0.0, now) for name in names], now)
    store.close()
    # Nothing is used up by asking: a run that was interrupted is told the same again.
    for _ in range(2):
        assert ask(**wanted)[:2] == (True, "QualityDropped")


def test_a_template_that_is_none_fails_before_anything_is_trained(ask: Asked) -> None:
    with pytest.raises(InvalidRollout):
        ask(template="kind: ModelRollout\nspec: {}\n")


def test_asking_leaves_no_trace(ask: Asked, uri: str, tmp_path: Path) -> None:
    ask()
    champion = Registry(uri).version_of("flight-delay", CHAMPION)
    assert champion is not None
    assert Registry(uri).newest("flight-delay") == champion
    assert not (tmp_path / "home").exists()
