"""Two versions of a small model, and a server of the first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.serving.bundle import digest
from tests.local.serving.bundles import make_bundle
from tests.local.serving.model_server import Server, microservice, wait_until_ready


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return make_bundle(folder / "1", "1", 1.0), make_bundle(folder / "2", "2", -4.0)


@pytest.fixture(scope="module")
def server(
    bundles: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    registered = digest(bundles[0])
    with microservice(bundles[0], folder, environ={"HEADRACE_DIGEST": registered}) as found:
        yield wait_until_ready(found)
