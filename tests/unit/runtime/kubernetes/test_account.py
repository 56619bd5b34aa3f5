"""A pod's account is found where Kubernetes puts it, and its token is read anew as it changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headrace.errors import PlatformUnavailable, SetupError
from headrace.runtime.kubernetes.account import RENEWAL, Token, find_account

INSIDE = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text("a certificate")
    return tmp_path


def test_a_pod_asks_the_address_of_its_environment_with_its_token(folder: Path) -> None:
    account = find_account(service_account=folder, environ=INSIDE)
    assert account.host == "https://10.0.0.1:6443"
    assert account.sign() == {"Authorization": "Bearer first"}


def test_an_address_of_ipv6_is_put_in_brackets(folder: Path) -> None:
    environ = {**INSIDE, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    account = find_account(service_account=folder, environ=environ)
    assert account.host == "https://[fd00::1]:6443"


def test_a_token_that_the_kubelet_has_changed_is_used_within_a_minute(folder: Path) -> None:
    clock = Clock()
    token = Token(folder / "token", clock)
    token.headers()
    (folder / "token").write_text("second")
    clock.now = RENEWAL - 1
    assert token.headers() == {"Authorization": "Bearer first"}
    clock.now = RENEWAL
    assert token.headers() == {"Authorization": "Bearer second"}


TOKENS = {
    "empty": (b"", "There is no token"),
    "blank": (b" \n", "There is no token"),
    "of two lines": (b"a\r\nX-Other: b", "There is no token"),
    "not ASCII": (b"\xff", "cannot be read"),
}


@pytest.mark.parametrize(("content", "problem"), TOKENS.values(), ids=TOKENS)
def test_a_token_is_refused_that_is(content: bytes, problem: str, folder: Path) -> None:
    (folder / "token").write_bytes(content)
    with pytest.raises(PlatformUnavailable, match=problem):
        Token(folder / "token").headers()


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_a_pod_without_an_account_says_which_file_it_lacks(missing: str, folder: Path) -> None:
    (folder / missing).unlink()
    with pytest.raises(SetupError, match=f"{missing}.*Name a kubeconfig"):
        find_account(service_account=folder, environ=INSIDE)


def test_the_controller_of_a_pod_does_not_load_the_kubernetes_package() -> None:
    # 37 MB of models that nobody uses. A process of its own, as others here do load it.
    code = "import sys, headrace.controller.process; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
