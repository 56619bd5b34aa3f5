"""The controller's own way to a registry: a real MLflow server, asked by its REST interface."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.errors import InvalidInput, NotFound, PlatformUnavailable
from headrace.registry import CHALLENGER, CHAMPION, Registry, RegistryServer
from headrace.serving.digest import digest
from tests.local.registry.test_registry import NAME, bundle

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
        try:
            address, until = f"http://127.0.0.1:{port}", time.monotonic() + 300
            while not answers(address):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait(60)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_champion_moves_and_is_no_challenger_any_more(url: str, tmp_path: Path) -> None:
    registry, server = Registry(url), RegistryServer(url)
    for version in ("1", "2"):
        made = bundle(tmp_path, version)
        registry.register(made, digest(made), metrics={}, params={}, metadata={}, uri="s3://b/m")
        registry.set_alias(NAME, CHALLENGER, version)
        for _ in range(2):
            server.promote(NAME, version)
            champion = registry.version_of(NAME, CHAMPION)
            assert champion is not None
            assert (champion.version, champion.aliases) == (version, (CHAMPION,))
    with pytest.raises(NotFound, match=f"{NAME} 9 is not registered"):
        server.promote(NAME, "9")
    with pytest.raises(NotFound, match="unheard-of 1 is not registered"):
        server.promote("unheard-of", "1")
    with pytest.raises(InvalidInput, match="cannot name a model"):
        server.promote("x' or name like '%", "1")
    server.close()


def test_an_address_is_told_from_none_and_a_server_from_another(url: str) -> None:
    with pytest.raises(InvalidInput, match="no address of an MLflow server"):
        RegistryServer("sqlite:///mlflow.db")
    with pytest.raises(PlatformUnavailable, match="does not answer as an MLflow server does"):
        RegistryServer(f"{url}/elsewhere").promote(NAME, "1")
    with pytest.raises(PlatformUnavailable, match="ConnectionError") as raised:
        RegistryServer("http://user:secret@127.0.0.1:9").promote(NAME, "1")
    assert "secret" not in str(raised.value)
