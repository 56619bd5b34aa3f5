"""The page about Helm is true: its commands are run in a cluster, one after the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.api import load_rollout
from headrace.render.helm import values_file
from headrace.render.stages import stages
from tests.cluster.api_server import ApiServer, api_server
from tests.cluster.charts import ROOT
from tests.cluster.programs.catalogue import program
from tests.cluster.programs.crds import crds

PAGE = (ROOT / "docs" / "helm.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "manifests/examples/canary-gateway"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path) as running:
        running.define(crds())
        yield running


def test_the_commands_do_what_the_page_says(own_server: ApiServer, tmp_path: Path) -> None:
    for name in ("helm", "manifests"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("rollout.yaml", "before.yaml"):
        shutil.copy(EXAMPLE / name, tmp_path)
    folders = [Path(sys.executable).parent, program("helm").parent, program("kubectl").parent]
    said = subprocess.run(
        ["sh", "-eu", "-c", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": ":".join([*map(str, folders), os.environ["PATH"]]),
            "KUBECONFIG": str(own_server.kubeconfig),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "looks after the ModelRollouts of all namespaces" in said.stdout
    deployments = "/apis/apps/v1/namespaces/{}/deployments"
    (controller,) = own_server.ask("GET", deployments.format("headrace-system")).body["items"]
    assert controller["spec"]["replicas"] == 1
    (stable,) = own_server.ask("GET", deployments.format("models")).body["items"]
    assert stable["metadata"]["labels"]["headrace.dev/version"] == "6"


def test_the_page_has_every_value_of_a_chart_of_a_model() -> None:
    (first, *_) = stages(rollout := load_rollout(EXAMPLE / "rollout.yaml"), None)
    names = re.findall(r"^(\w+):", values_file(rollout, first.plan), re.MULTILINE)
    assert [name for name in names if f"`{name}" not in PAGE] == []
