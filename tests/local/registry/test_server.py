"""The champion of a real MLflow server, moved without MLflow's own client."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from headrace.errors import InvalidInput, NotFound, PlatformUnavailable
from headrace.registry import CHALLENGER, CHAMPION, Registry
from headrace.registry.server import MlflowServer, registry_at
from tests.local.registry.mlflow_server import MlflowProcess, mlflow_process
from tests.local.registry.test_registry import NAME, bundle, registered


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowProcess]:
    folder = tmp_path_factory.mktemp("mlflow-server")
    database = folder / "registry.db"
    registry = registered(f"sqlite:///{database}", bundle(folder, "1"))
    registered(f"sqlite:///{database}", bundle(folder, "2"))
    registry.set_alias(NAME, CHALLENGER, "2")
    with mlflow_process(database) as process:
        process.start()
        yield process


def champion(mlflow: MlflowProcess) -> str:
    found = Registry(mlflow.url).version_of(NAME, CHAMPION)
    return "" if found is None else found.version


def test_promotion_makes_a_champion_once_and_ends_the_challenge(mlflow: MlflowProcess) -> None:
    server = MlflowServer(mlflow.url)
    server.promote(NAME, "1")
    assert champion(mlflow) == "1"
    for _ in range(2):
        server.promote(NAME, "2")
    assert champion(mlflow) == "2"
    assert Registry(mlflow.url).version_of(NAME, CHALLENGER) is None
    assert mlflow.moves() == 2


def test_a_version_that_is_not_registered_is_told(mlflow: MlflowProcess) -> None:
    for name, version in ((NAME, "9"), ("nobody", "1")):
        with pytest.raises(NotFound, match=f"{name} {version} is not registered"):
            MlflowServer(mlflow.url).promote(name, version)
    with pytest.raises(InvalidInput):
        MlflowServer(mlflow.url).promote("it's", "1")


def test_a_registry_that_is_away_is_told_without_its_password() -> None:
    with pytest.raises(PlatformUnavailable) as caught:
        MlflowServer("http://ada:secret@127.0.0.1:1").promote(NAME, "1")
    assert str(caught.value) == "the registry http://127.0.0.1:1 does not answer (ConnectionError)"


@pytest.mark.parametrize("uri", ["http://", "ftp://models", "models"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        registry_at(uri)


def test_a_database_is_asked_through_mlflow(tmp_path: Path) -> None:
    assert isinstance(registry_at(f"sqlite:///{tmp_path}/registry.db"), Registry)


@pytest.mark.parametrize(
    ("code", "body", "told"),
    [
        (502, b"<html>bad gateway</html>", "answered 502: no JSON"),
        (200, b"<html>please log in</html>", "answered 200: no JSON"),
        (200, b"[]", "answered 200: no JSON"),
        (401, b'{"message": "who are you?"}', "answered 401: who are you"),
        (503, b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"}', "503: later"),
        (200, b'{"model_versions": [null]}', "names no version"),
        (200, b'{"model_versions": [{"version": "1"}]}', ""),
    ],
    ids=[
        "a proxy's page",
        "a login page",
        "not an object",
        "refused",
        "busy",
        "no version",
        "little",
    ],
)
def test_whatever_answers_is_no_traceback(code: int, body: bytes, told: str) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(str(self.headers.get("Authorization")))
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        token = {"MLFLOW_TRACKING_TOKEN": "of-this-test"}
        mlflow = MlflowServer(f"http://127.0.0.1:{server.server_port}", token)
        if told:
            with pytest.raises(PlatformUnavailable, match=told):
                mlflow.promote(NAME, "1")
        else:
            mlflow.promote(NAME, "1")
        server.shutdown()
    assert set(asked) == {"Bearer of-this-test"}


def test_it_does_not_import_mlflow() -> None:
    check = "import sys, headrace.registry.server; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
