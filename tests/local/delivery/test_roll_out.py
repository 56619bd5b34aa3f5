from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from headrace.api import load_rollout
from headrace.controller.store import RolloutStore
from headrace.delivery.roll_out import Delivered, namespace_of, roll_out
from headrace.delivery.target import ClusterTarget
from headrace.delivery.template import ModelVersion, fill
from headrace.errors import InvalidInput, InvalidRollout, PlatformUnavailable, SetupError

TEMPLATE = """
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {name: flights, namespace: models}
spec:
  model: {handler: headrace.demo.handlers.FlightDelay, version: "0"}  # named by the pipeline
  # five per cent first: our users are patient, but not that patient
  strategy: {canary: {steps: [{weight: 5, hold: 5m}, {weight: 50, hold: 10m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""
VERSION = ModelVersion("flight-delay", "7", "s3://models/flight-delay/7", "sha256:" + "0" * 64)


def delivered(folder: Path, template: str = TEMPLATE, version: ModelVersion = VERSION) -> Delivered:
    return roll_out(template, version, folder.as_uri())


def test_the_version_is_filled_in_and_the_rest_is_kept(tmp_path: Path) -> None:
    told = delivered(tmp_path)
    assert told.name == "models/flights"
    assert told.place == str(tmp_path / "flights.yaml")
    model = load_rollout(tmp_path / "flights.yaml").spec.model
    assert (model.name, model.version, model.uri) == ("flight-delay", "7", VERSION.uri)
    assert model.digest == VERSION.digest
    assert model.handler == "headrace.demo.handlers.FlightDelay"


def test_a_commit_shows_the_version_and_nothing_else(tmp_path: Path) -> None:
    delivered(tmp_path)
    written = (tmp_path / "flights.yaml").read_text("utf-8").splitlines()
    before = TEMPLATE.splitlines()
    different = [new for new, old in zip(written, before, strict=True) if new != old]
    assert len(different) == 1
    assert different[0].endswith("# named by the pipeline")


def test_the_commit_message_names_the_version_and_its_digest(tmp_path: Path) -> None:
    message = delivered(tmp_path).commit_message
    assert message.startswith("models/flights: roll out flight-delay 7\n\n")
    assert VERSION.digest in message


@pytest.mark.parametrize("version", ["7", "1e3", "0x1f", "1.0", "null", "true", "2026-11-21"])
def test_a_version_that_looks_like_something_else_stays_a_text(
    tmp_path: Path, version: str
) -> None:
    delivered(tmp_path, version=ModelVersion("flight-delay", version, VERSION.uri, VERSION.digest))
    assert load_rollout(tmp_path / "flights.yaml").spec.model.version == version


def test_a_second_call_changes_nothing_and_leaves_nothing_else(tmp_path: Path) -> None:
    first = delivered(tmp_path)
    file = tmp_path / "flights.yaml"
    content, time = file.read_bytes(), file.stat().st_mtime_ns
    second = delivered(tmp_path)
    assert (first.changed, second.changed) == (True, False)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (content, time)
    assert [each.name for each in tmp_path.iterdir()] == ["flights.yaml"]


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("", id="no model"),
        pytest.param("  model:\n", id="a model that is null"),
        pytest.param("  model: {}\n", id="a model without fields"),
        pytest.param("  model:\n    # ours\n    handler: a.B\n", id="a model over several lines"),
        pytest.param("  model: &m {handler: a.B}\n", id="a model with an anchor"),
    ],
)
def test_a_template_may_leave_out_what_is_filled_in(tmp_path: Path, model: str) -> None:
    lines = [line for line in TEMPLATE.splitlines(keepends=True) if "  model:" not in line]
    at = lines.index("spec:\n") + 1
    delivered(tmp_path, "".join([*lines[:at], model, *lines[at:]]))
    assert load_rollout(tmp_path / "flights.yaml").spec.model.uri == VERSION.uri


def test_the_folder_of_headrace_up_gets_the_rollout_where_it_looks_for_it(tmp_path: Path) -> None:
    target = tmp_path.as_uri().replace("file:", "local:")
    first, second = (roll_out(TEMPLATE, VERSION, target) for _ in range(2))
    assert (first.changed, second.changed) == (True, False)
    store = RolloutStore(tmp_path / "models" / "flights")
    assert first.place == str(store.rollout_file)
    assert store.read().spec == first.manifest.rollout.spec


@pytest.mark.parametrize(
    ("template", "says"),
    [
        pytest.param("", r"\(document\): is no mapping", id="empty"),
        pytest.param("a: 1\na: 2", "a: .*twice", id="a key twice"),
        pytest.param("a: [", "not YAML", id="no YAML"),
        pytest.param("spec: 5", "spec: is no mapping", id="spec is a number"),
        pytest.param("spec: {model: seven}", r"spec\.model: is no mapping", id="model is a text"),
        pytest.param(TEMPLATE.replace("canary", "canarie"), "canarie", id="no such strategy"),
        pytest.param(TEMPLATE + "---\n" + TEMPLATE, "has 2 documents", id="two documents"),
        pytest.param("[" * 1000, "The template", id="too deep"),
    ],
)
def test_a_template_that_gives_no_rollout_is_refused(
    tmp_path: Path, template: str, says: str
) -> None:
    with pytest.raises(InvalidRollout, match=says):
        delivered(tmp_path, template)
    assert list(tmp_path.iterdir()) == []


def test_a_digest_that_is_none_is_refused(tmp_path: Path) -> None:
    version = ModelVersion("flight-delay", "7", "s3://models/flight-delay/7", "abc")
    with pytest.raises(InvalidRollout, match=r"spec\.model\.digest"):
        delivered(tmp_path, version=version)


@pytest.mark.parametrize(
    "target",
    [
        "/srv/rollouts",
        "s3://bucket/rollouts",
        "file://host/rollouts",
        "file:relative",
        "local://host/home",
        "kubernetes://a/b/c",
        "kubernetes:///models?force=yes",
        "http://[",
        "",
    ],
)
def test_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput, match="is not supported; expected kubernetes://"):
        roll_out(TEMPLATE, VERSION, target)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(PlatformUnavailable, match="cannot be written"):
        delivered(tmp_path / "taken" / "rollouts")


@pytest.mark.parametrize(
    ("metadata", "target", "expected"),
    [
        pytest.param("{name: a, namespace: one}", "", "one", id="the manifest's"),
        pytest.param("{name: a}", "two", "two", id="the target's"),
        pytest.param("{name: a, namespace: one}", "one", "one", id="both the same"),
        pytest.param("{name: a}", "", "own", id="else that of the context"),
    ],
)
def test_the_namespace_in_a_cluster(metadata: str, target: str, expected: str) -> None:
    document = yaml.safe_load(TEMPLATE) | {"metadata": yaml.safe_load(metadata)}
    manifest = fill(yaml.safe_dump(document), VERSION)
    assert namespace_of(manifest, ClusterTarget("", target), "own") == expected


def test_two_namespaces_that_differ_are_refused() -> None:
    with pytest.raises(InvalidInput, match="the namespace models, the target other"):
        namespace_of(fill(TEMPLATE, VERSION), ClusterTarget("", "other"), "own")


def test_no_cluster_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(SetupError, match="No cluster is configured"):
        roll_out(TEMPLATE, VERSION, "kubernetes://")
