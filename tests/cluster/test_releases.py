"""Releases in a real API server: installed from nothing, upgraded, promoted, and gone again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.api import load_rollout
from headrace.render.helm import chart, values_file
from headrace.render.stages import stages
from tests.cluster.api_server import ApiServer, Object, api_server
from tests.cluster.charts import CONTROLLER, ROLLOUT, ROLLOUT_VALUES, ROOT, helm, written

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelrollouts.headrace.dev"
ROLLOUTS = "/apis/headrace.dev/v1alpha1/namespaces/models/modelrollouts"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Give one that nobody else uses: the definition is this module's to install."""
    with api_server(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running


def asked(server: ApiServer, *arguments: str | Path) -> str:
    """Have Helm do something in the cluster, and give what it says."""
    said = helm(*arguments, "--kubeconfig", server.kubeconfig)
    assert said.returncode == 0, said.stderr
    return said.stdout


def in_the_way(server: ApiServer, *arguments: str | Path) -> str:
    said = helm(*arguments, "--kubeconfig", server.kubeconfig)
    assert said.returncode != 0
    return said.stderr


def items(server: ApiServer, path: str) -> dict[str, Object]:
    answer = server.ask("GET", path)
    until = time.monotonic() + 300
    while answer.code == 429 and time.monotonic() < until:
        # A changed definition takes a moment to be served again.
        time.sleep(0.2)
        answer = server.ask("GET", path)
    assert answer.code == 200, answer.message
    return {each["metadata"]["name"]: each for each in answer.body["items"]}


def test_the_controller_comes_is_upgraded_and_goes_but_rollouts_stay(
    server: ApiServer, tmp_path: Path
) -> None:
    place = ("--namespace", "headrace-system", "--create-namespace")
    notes = asked(server, "install", "headrace", CONTROLLER, *place)
    assert "helm --namespace headrace-system test headrace" in notes
    deployments = "/apis/apps/v1/namespaces/headrace-system/deployments"
    assert list(items(server, deployments)) == ["headrace"]

    values = ("--values", ROLLOUT_VALUES)
    place_of_models = ("--namespace", "models", "--create-namespace")
    asked(server, "install", "flights", ROLLOUT, *place_of_models, *values)
    assert items(server, ROLLOUTS)["flights"]["spec"]["model"]["version"] == "7"
    asked(
        server,
        *("upgrade", "flights", ROLLOUT, *place_of_models, *values),
        *("--set-string", "model.version=8"),
    )
    assert items(server, ROLLOUTS)["flights"]["spec"]["model"]["version"] == "8"
    # What its schema cannot say, the definition's rules do.
    falling = "strategy.canary.steps[2].weight=1"
    said = in_the_way(
        server, "upgrade", "flights", ROLLOUT, *place_of_models, *values, "--set", falling
    )
    assert "weights fall" in said

    newer = Path(shutil.copytree(CONTROLLER, tmp_path / "newer"))
    definition = newer / "files" / "modelrollouts.yaml"
    text = definition.read_text("utf-8")
    definition.write_text(text.replace("shortNames:\n    - mr\n", "shortNames:\n    - mro\n"))
    asked(server, "upgrade", "headrace", newer, *place)
    names = server.ask("GET", DEFINITION).body["spec"]["names"]
    assert names["shortNames"] == ["mro"]

    asked(server, "uninstall", "headrace", "--namespace", "headrace-system")
    assert items(server, deployments) == {}
    assert "flights" in items(server, ROLLOUTS)
    asked(server, "install", "headrace", CONTROLLER, *place)
    assert server.ask("GET", DEFINITION).body["spec"]["names"]["shortNames"] == ["mr"]


def test_a_promotion_by_values_restarts_no_pod(server: ApiServer, tmp_path: Path) -> None:
    example = ROOT / "manifests/examples/shadow-plain"
    rollout = load_rollout(example / "rollout.yaml")
    stable = load_rollout(example / "before.yaml").spec.model
    plans = {stage.name: stage.plan for stage in stages(rollout, stable)}
    folder = written(chart(rollout, plans["idle"]), tmp_path / "chart")
    seen = {}
    for name in ("idle", "shadow:20", "promoted"):
        values = tmp_path / "values.yaml"
        values.write_text(values_file(rollout, plans[name]), encoding="utf-8")
        place = ("--namespace", "plain", "--create-namespace", "--values", values)
        asked(server, "upgrade", "--install", rollout.metadata.name, folder, *place)
        found = items(server, "/apis/apps/v1/namespaces/plain/deployments")
        seen[name] = {
            each["metadata"]["labels"]["headrace.dev/version"]: each["metadata"]["generation"]
            for each in found.values()
            if "headrace.dev/version" in each["metadata"]["labels"]
        }
    assert seen == {"idle": {"6": 1}, "shadow:20": {"6": 1, "7": 1}, "promoted": {"7": 1}}
