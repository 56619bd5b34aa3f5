"""One API server for all tests of this folder, with the CRDs that rendered manifests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.api_server import ApiServer, api_server
from tests.cluster.programs.crds import crds
from tests.cluster.scenes import Scene, scene_of

CRD = Path(__file__).parents[2] / "manifests" / "crd" / "modelrollouts.yaml"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kubernetes")) as running:
        running.define([yaml.safe_load(CRD.read_text("utf-8")), *crds()])
        yield running


@pytest.fixture
def scene(server: ApiServer) -> Iterator[Scene]:
    with scene_of(server) as made:
        yield made
