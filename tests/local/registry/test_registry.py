from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.delivery.review.approvals import PREFIX, words_at
from headrace.errors import (
    Conflict,
    DigestMismatch,
    InvalidBundle,
    InvalidInput,
    NotFound,
    PlatformUnavailable,
)
from headrace.registry import CHALLENGER, CHAMPION, Registry
from headrace.registry.challenger import register_challenger
from headrace.registry.champion import champion_bundle
from headrace.registry.fetch import fetch_bundle
from headrace.registry.server import registry_at
from headrace.serving.bundle import Column, Output, Reference, Signature, digest, write_bundle
from headrace.serving.reference import Histogram
from tests.local.registry.conftest import Made

NAME = "flight-delay"


def bundle(
    directory: Path,
    version: str,
    model: bytes = b"model",
    name: str = NAME,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    path = directory / f"{name}-{version}-{len(model)}"
    write_bundle(
        path,
        Signature(
            name=name,
            version=version,
            runtime="onnx",
            file="model.onnx",
            inputs=(Column("hour", "number"),),
            output=Output("late", "probability", threshold=0.5),
            metadata=metadata or {"feature_set": "schedule"},
        ),
        model,
        Reference({}, Histogram((0.5,), (1, 1))),
        [{"hour": 1.0}],
        f"# {name} {version}\n",
    )
    return path


def registered(uri: str, path: Path) -> Registry:
    registry = Registry(uri)
    registry.register(path, digest(path), {"auc": 0.7}, {"trees": 60}, {"commit": "abc"})
    return registry


def test_a_version_keeps_its_name_uri_and_digest(uri: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "2013-07")
    version = Registry(uri).register(path, digest(path), {"auc": 0.7}, {"trees": 60}, {})
    assert (version.name, version.version) == (NAME, "2013-07")
    assert (version.uri, version.digest) == (path.as_uri(), digest(path))
    assert version.aliases == ()


def test_parameters_metrics_and_card_are_in_the_run(uri: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    path = bundle(tmp_path, "1")
    run_id = Registry(uri).register(path, digest(path), {"auc": 0.7}, {"trees": 60}, {}).run_id
    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    assert run.data.metrics == {"auc": 0.7}
    assert run.data.params == {"trees": "60"}
    assert run.info.status == "FINISHED"
    artifacts = Path(urllib.parse.urlsplit(run.info.artifact_uri).path)
    assert (artifacts / "README.md").read_text() == f"# {NAME} 1\n"
    assert artifacts.is_relative_to(tmp_path), "beside the database, not where one happens to be"


def test_the_same_bundle_again_changes_nothing(uri: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "1")
    registry = registered(uri, path)
    registry.promote(NAME, "1")
    first = registry.version_of(NAME, CHAMPION)
    again = Registry(uri).register(path, digest(path), {"auc": 0.1}, {}, {})
    assert again == first


def test_another_bundle_under_a_known_version_is_refused(uri: str, tmp_path: Path) -> None:
    registry = registered(uri, bundle(tmp_path, "1"))
    other = bundle(tmp_path, "1", b"another model")
    with pytest.raises(Conflict, match="A version is never replaced"):
        registry.register(other, digest(other), {}, {}, {})


def test_a_bundle_that_was_changed_is_refused(uri: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "1")
    with pytest.raises(DigestMismatch):
        Registry(uri).register(path, "sha256:" + "0" * 64, {}, {}, {})


def test_an_alias_moves_from_version_to_version(uri: str, tmp_path: Path) -> None:
    registry = registered(uri, bundle(tmp_path, "1"))
    registered(uri, bundle(tmp_path, "2"))
    for version in ("1", "2", "2"):
        registry.set_alias(NAME, CHALLENGER, version)
        found = registry.version_of(NAME, CHALLENGER)
        assert found is not None
        assert found.version == version


def test_promotion_makes_a_champion_and_ends_the_challenge(uri: str, tmp_path: Path) -> None:
    registry = registered(uri, bundle(tmp_path, "1"))
    registered(uri, bundle(tmp_path, "2"))
    registry.promote(NAME, "1")
    registry.set_alias(NAME, CHALLENGER, "2")
    for _ in range(2):
        registry.promote(NAME, "2")
        champion = registry.version_of(NAME, CHAMPION)
        assert champion is not None
        assert (champion.version, champion.aliases) == ("2", (CHAMPION,))
        assert registry.version_of(NAME, CHALLENGER) is None


def test_promotion_leaves_another_challenger_alone(uri: str, tmp_path: Path) -> None:
    registry = registered(uri, bundle(tmp_path, "1"))
    registered(uri, bundle(tmp_path, "2"))
    registry.set_alias(NAME, CHALLENGER, "2")
    registry.promote(NAME, "1")
    challenger = registry.version_of(NAME, CHALLENGER)
    assert challenger is not None
    assert challenger.version == "2"


def test_models_do_not_mix(uri: str, tmp_path: Path) -> None:
    registry = registered(uri, bundle(tmp_path, "1"))
    registered(uri, bundle(tmp_path, "1", name="other"))
    registry.promote("other", "1")
    assert registry.version_of(NAME, CHAMPION) is None


def test_an_unknown_version_cannot_be_named(uri: str, tmp_path: Path) -> None:
    registry = registered(uri, bundle(tmp_path, "1"))
    with pytest.raises(NotFound, match=f"{NAME} 9 is not registered"):
        registry.promote(NAME, "9")
    with pytest.raises(NotFound, match=f"{NAME} 9 is not registered"):
        registry.set_alias(NAME, CHALLENGER, "9")


def test_asking_makes_no_database(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'none' / 'registry.db'}")
    assert registry.version_of(NAME, CHAMPION) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "uri",
    [
        *("", "registry.db", "file:///srv/mlruns", "databricks"),
        *("http://", "http://[", "https://mlflow:70000"),
    ],
)
def test_a_registry_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="is not supported; expected sqlite"):
        Registry(uri)
    with pytest.raises(InvalidInput, match="is not supported; expected sqlite"):
        registry_at(uri)


@pytest.mark.parametrize("name", ["x' or '1'='1", "", "a b", "`"])
def test_a_name_that_would_need_quoting_is_refused(uri: str, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a model or version"):
        Registry(uri).promote(name, "1")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_text("not a database, but long enough to be read as one" * 40)
    with pytest.raises(PlatformUnavailable, match="does not do as asked"):
        Registry(f"sqlite:///{tmp_path / 'registry.db'}").promote(NAME, "1")


def test_a_new_bundle_becomes_the_challenger(uri: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "1")
    for _ in range(2):
        version = register_challenger(uri, path, str(path), digest(path), {"auc": 0.7})
        assert version.uri == path.as_uri()
    challenger = Registry(uri).version_of(NAME, CHALLENGER)
    assert challenger is not None
    assert challenger.version == "1"


def test_the_uri_of_an_object_store_is_kept(uri: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "1")
    version = register_challenger(uri, path, "s3://models/1", digest(path), {})
    assert version.uri == "s3://models/1"


def test_a_metric_that_is_no_number_is_refused(uri: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "1")
    with pytest.raises(InvalidInput, match="metrics auc are not finite"):
        register_challenger(uri, path, str(path), digest(path), {"auc": float("nan")})


def test_the_champion_s_bundle_is_fetched_and_checked(uri: str, tmp_path: Path) -> None:
    assert champion_bundle(uri, NAME) is None
    path = bundle(tmp_path, "1")
    registered(uri, path).promote(NAME, "1")
    champion = champion_bundle(uri, NAME)
    assert champion is not None
    assert champion.digest == digest(path)
    (path / "model.onnx").write_bytes(b"changed")
    with pytest.raises(DigestMismatch):
        champion_bundle(uri, NAME)


def test_a_bundle_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no bundle at"):
        fetch_bundle((tmp_path / "gone").as_uri(), "sha256:" + "0" * 64)


def test_a_digest_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle):
        fetch_bundle(bundle(tmp_path, "1").as_uri(), "latest")


def test_importing_the_registry_does_not_import_mlflow() -> None:
    check = "import sys, headrace.registry; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_new_database_is_made_without_a_word(made: Made) -> None:
    assert made.said == ""


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Mortal:
    """An MLflow client that lets `lives` calls through, then dies before or after the next one."""

    def __init__(self, client: Any, lives: int, after: bool) -> None:
        self._client, self.lives, self._after = client, lives, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.lives -= 1
            if self.lives == 0 and not self._after:
                raise Killed
            result = method(*arguments, **named)
            if self.lives == 0:
                raise Killed
            return result

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before a call", "after a call"])
def test_a_crash_at_any_point_and_a_retry_register_one_version(
    uri: str, tmp_path: Path, after: bool
) -> None:
    path = bundle(tmp_path, "1")
    for lives in range(1, 40):
        database = tmp_path / f"{lives}-{after}.db"
        shutil.copy(urllib.parse.urlsplit(uri).path, database)
        own = f"sqlite:///{database}"
        first = Registry(own)
        mortal = Mortal(first._client, lives, after)
        first.__dict__["_client"] = mortal
        try:
            first.register(path, digest(path), {"auc": 0.7}, {"trees": 5}, {"a": "b"})
            first.set_alias(NAME, CHALLENGER, "1")
        except Killed:
            pass
        else:
            break
        again = Registry(own)
        told = again.register(path, digest(path), {"auc": 0.7}, {"trees": 5}, {"a": "b"})
        again.set_alias(NAME, CHALLENGER, "1")
        client = again._client
        assert len(client.search_model_versions(f"name='{NAME}'")) == 1
        experiment = client.get_experiment_by_name("headrace")
        assert [run.info.run_id for run in client.search_runs([experiment.experiment_id])] == [
            told.run_id
        ]
        run = client.get_run(told.run_id)
        assert (run.data.metrics, run.data.params) == ({"auc": 0.7}, {"trees": "5"})
        assert run.info.status == "FINISHED"
        known = again.version_of(NAME, CHALLENGER)
        assert known is not None
        assert known.digest == digest(path)
    else:
        pytest.fail("the client made more calls than expected")
    assert lives > 8


def test_two_tasks_at_once_register_one_version(uri: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "1")
    slow, quick = Registry(uri), Registry(uri)

    class Overtaken(Mortal):
        def __getattr__(self, name: str) -> Any:
            if name == "create_model_version" and self.lives:
                self.lives = 0
                quick.register(path, digest(path), {}, {}, {})
            return getattr(self._client, name)

    slow.__dict__["_client"] = Overtaken(slow._client, 1, False)
    told = slow.register(path, digest(path), {}, {}, {})
    assert len(quick._client.search_model_versions(f"name='{NAME}'")) == 1
    quick.set_alias(NAME, CHALLENGER, "1")
    known = quick.version_of(NAME, CHALLENGER)
    assert known is not None
    assert known.digest == told.digest


def test_a_version_points_at_the_run_that_trained_it(uri: str, tmp_path: Path) -> None:
    registry = Registry(uri)
    client = registry._client
    run = client.create_run(client.create_experiment("mine", tmp_path.as_uri()))
    client.log_param(run.info.run_id, "trees", 9)
    path = bundle(tmp_path, "1", metadata={"run": run.info.run_id})
    told = registry.register(path, digest(path), {"auc": 0.7}, {"trees": 5}, {})
    assert told.run_id == run.info.run_id
    found = client.get_run(run.info.run_id)
    assert found.data.params == {"trees": "9"}
    assert found.data.metrics == {"auc": 0.7}


@pytest.mark.parametrize("run", ["0" * 32, "no such run"])
def test_a_run_that_another_server_has_is_none_here(uri: str, tmp_path: Path, run: str) -> None:
    path = bundle(tmp_path, "1", metadata={"run": run})
    told = Registry(uri).register(path, digest(path), {}, {}, {})
    assert told.run_id != run


def test_a_tag_that_is_no_word_of_a_review_is_said(uri: str, tmp_path: Path) -> None:
    registered(uri, bundle(tmp_path, "1")).set_tag(NAME, "1", f"{PREFIX}ada", "[" * 2_000)
    with pytest.raises(InvalidInput, match="is no word of a review"):
        words_at(uri).of(NAME, "1")
