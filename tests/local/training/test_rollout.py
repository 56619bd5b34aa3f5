from __future__ import annotations

from pathlib import Path

import pytest

from headrace.api import load_rollout
from headrace.errors import InvalidInput, InvalidRollout, PlatformUnavailable
from headrace.training.rollout import ModelVersion, write_rollout

TEMPLATE = """
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {name: flights, namespace: models}
spec:
  model: {handler: headrace.demo.handlers.FlightDelay, version: "0"}
  strategy: {canary: {steps: [{weight: 5, hold: 5m}, {weight: 50, hold: 10m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""
VERSION = ModelVersion("flight-delay", "7", "s3://models/flight-delay/7", "sha256:" + "0" * 64)


def test_the_version_is_filled_in_and_the_rest_is_kept(tmp_path: Path) -> None:
    file = write_rollout(TEMPLATE, VERSION, tmp_path.as_uri())
    assert file == tmp_path / "flights.yaml"
    model = load_rollout(file).spec.model
    assert (model.name, model.version, model.uri) == ("flight-delay", "7", VERSION.uri)
    assert model.digest == VERSION.digest
    assert model.handler == "headrace.demo.handlers.FlightDelay"


def test_a_version_that_looks_like_a_number_stays_a_text(tmp_path: Path) -> None:
    version = ModelVersion("flight-delay", "1e3", VERSION.uri, VERSION.digest)
    assert load_rollout(write_rollout(TEMPLATE, version, tmp_path.as_uri())).spec.model.version == (
        "1e3"
    )


def test_a_second_call_changes_nothing_and_leaves_nothing_else(tmp_path: Path) -> None:
    first = write_rollout(TEMPLATE, VERSION, tmp_path.as_uri()).read_bytes()
    assert write_rollout(TEMPLATE, VERSION, tmp_path.as_uri()).read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["flights.yaml"]


def test_a_template_may_leave_the_model_out(tmp_path: Path) -> None:
    template = "\n".join(line for line in TEMPLATE.splitlines() if "model:" not in line)
    assert load_rollout(write_rollout(template, VERSION, tmp_path.as_uri())).spec.model.version


@pytest.mark.parametrize(
    ("template", "says"),
    [
        pytest.param("", r"\(document\): is no mapping", id="empty"),
        pytest.param("a: [", "not YAML", id="no YAML"),
        pytest.param("spec: 5", "spec: is no mapping", id="spec is a number"),
        pytest.param("spec: {model: seven}", r"spec\.model: is no mapping", id="model is a text"),
        pytest.param(TEMPLATE.replace("canary", "canarie"), "canarie", id="no such strategy"),
        pytest.param(TEMPLATE + "---\n" + TEMPLATE, "not YAML", id="two documents"),
    ],
)
def test_a_template_that_gives_no_rollout_is_refused(
    tmp_path: Path, template: str, says: str
) -> None:
    with pytest.raises(InvalidRollout, match=says):
        write_rollout(template, VERSION, tmp_path.as_uri())
    assert list(tmp_path.iterdir()) == []


def test_a_digest_that_is_none_is_refused(tmp_path: Path) -> None:
    version = ModelVersion("flight-delay", "7", VERSION.uri, "abc")
    with pytest.raises(InvalidRollout, match=r"spec\.model\.digest"):
        write_rollout(TEMPLATE, version, tmp_path.as_uri())


@pytest.mark.parametrize(
    "target",
    ["/srv/rollouts", "s3://bucket/rollouts", "file://host/rollouts", "file:relative", ""],
)
def test_a_target_that_is_no_local_directory_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput, match="is not supported; expected a directory such as file"):
        write_rollout(TEMPLATE, VERSION, target)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(PlatformUnavailable, match="cannot be written"):
        write_rollout(TEMPLATE, VERSION, (tmp_path / "taken" / "rollouts").as_uri())
