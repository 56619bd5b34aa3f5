"""A pod's account is enough to ask a real API server, and a stranger's certificate is not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from headrace.errors import PlatformUnavailable
from headrace.runtime.kubernetes.account import find_account
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT
from tests.cluster.api_server import ApiServer


def cluster_of(server: ApiServer, folder: Path) -> Cluster:
    address = urlsplit(server.url)
    environ = {
        "KUBERNETES_SERVICE_HOST": str(address.hostname),
        "KUBERNETES_SERVICE_PORT": str(address.port),
    }
    return Cluster(find_account(service_account=folder, environ=environ))


@pytest.fixture
def folder(server: ApiServer, tmp_path: Path) -> Path:
    """What the kubelet puts into a pod."""
    shown = str(server.session.headers["Authorization"])
    (tmp_path / "token").write_text(shown.removeprefix("Bearer "))
    (tmp_path / "ca.crt").write_bytes(Path(str(server.session.verify)).read_bytes())
    return tmp_path


def test_a_pod_asks_with_its_account(server: ApiServer, folder: Path) -> None:
    assert cluster_of(server, folder).list(DEPLOYMENT, "default")[1]


def test_a_server_with_a_strangers_certificate_is_not_asked(
    server: ApiServer, folder: Path
) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=stranger"),
            *("-keyout", str(folder / "key"), "-out", str(folder / "ca.crt")),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    with pytest.raises(PlatformUnavailable, match="certificate"):
        cluster_of(server, folder).list(DEPLOYMENT, "default")


def test_a_token_that_nobody_knows_is_refused_for_now(server: ApiServer, folder: Path) -> None:
    (folder / "token").write_text("of-nobody")
    with pytest.raises(PlatformUnavailable, match="Unauthorized"):
        cluster_of(server, folder).list(DEPLOYMENT, "default")
