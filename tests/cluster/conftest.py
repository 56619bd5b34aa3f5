"""One API server for all tests of this folder, with the CRDs that rendered manifests use."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.api_server import ApiServer, api_server
from tests.cluster.programs.crds import crds
from tests.cluster.scenes import Scene, scene_of
from tests.cluster.stage import Stage

CRD = Path(__file__).parents[2] / "manifests" / "crd" / "modelrollouts.yaml"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a failure explained by the stage that the test had."""
    report = yield
    if report.failed and call.when == "call":
        stages = [each for each in item.funcargs.values() if isinstance(each, Stage)]
        report.sections += [(f"the stage {each.namespace}", each.story()) for each in stages]
    return report


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kubernetes")) as running:
        running.define([yaml.safe_load(CRD.read_text("utf-8")), *crds()])
        yield running


@pytest.fixture
def scene(server: ApiServer) -> Iterator[Scene]:
    with scene_of(server) as made:
        yield made
