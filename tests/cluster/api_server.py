"""A real kube-apiserver with its etcd on loopback, for as long as a `with` lasts.

No nodes, no pods: what is asked here is what the API server accepts.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from headrace.errors import SetupError
from tests.cluster.processes import Process
from tests.cluster.programs.catalogue import program

Object = dict[str, Any]

STRICT = "fieldValidation=Strict"
_TOKEN = "of-this-run"
_START_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said.

    Attributes:
        code: The HTTP status.
        body: The object, or a `Status` with a message.
    """

    code: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """Why it was refused."""
        return str(self.body.get("message", ""))


@dataclass(frozen=True)
class ApiServer:
    """A running API server.

    Attributes:
        url: Where it listens.
        kubeconfig: For kubectl.
        session: With the tester's token, and the certificate to expect.
    """

    url: str
    kubeconfig: Path
    session: requests.Session

    def ask(self, method: str, path: str, body: object = None, patch: str = "") -> Answer:
        """Send one request; `patch` is the kind of a PATCH, `merge` or `apply`."""
        kinds = {"merge": "merge-patch+json", "apply": "apply-patch+yaml", "": "json"}
        answer = self.session.request(
            method,
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": f"application/{kinds[patch]}"},
            timeout=300,
        )
        try:
            return Answer(answer.status_code, answer.json())
        except ValueError:
            return Answer(answer.status_code, {"message": answer.text})

    def apply(self, manifest: Object, *, dry_run: bool = False) -> Answer:
        """Apply a manifest on the server's side, as the field manager `headrace`, strictly."""
        options = f"{STRICT}&fieldManager=headrace&force=true{'&dryRun=All' * dry_run}"
        return self.ask("PATCH", f"{self.path(manifest)}?{options}", manifest, "apply")

    def is_ready(self) -> bool:
        """Say whether it answers, and has made the namespace `default`."""
        try:
            return self.ask("GET", "/api/v1/namespaces/default").code == 200
        except OSError:  # nobody listens yet, or there is no certificate yet
            return False

    def define(self, crds: Sequence[Object]) -> None:
        """Apply CRDs, and wait until the server knows their kinds.

        Raises:
            SetupError: One is refused, or not served in time.
        """
        for crd in crds:
            answer = self.apply(crd)
            if answer.code not in (200, 201):
                raise SetupError(f"{crd['metadata']['name']} is refused: {answer.message}")
        until = time.monotonic() + _START_SECONDS
        for crd in crds:
            while not self._is_served(crd):
                if time.monotonic() > until:
                    raise SetupError(f"{crd['metadata']['name']} is not served.")
                time.sleep(0.1)

    def path(self, manifest: Object) -> str:
        """Give an object's path."""
        version, name = manifest["apiVersion"], manifest["metadata"]["name"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plural, namespaced = self._resource(root, manifest["kind"])
        where = f"/namespaces/{manifest['metadata'].get('namespace', 'default')}"
        return f"{root}{where * namespaced}/{plural}/{name}"

    @functools.lru_cache  # noqa: B019, one server for a whole session
    def _resource(self, root: str, kind: str) -> tuple[str, bool]:
        for each in self.ask("GET", root).body.get("resources", []):
            if each["kind"] == kind and "/" not in each["name"]:
                return each["name"], each["namespaced"]
        raise SetupError(f"The API server knows no {kind} in {root}.")

    def _is_served(self, crd: Object) -> bool:
        found = self.ask("GET", self.path(crd)).body
        said = found.get("status", {}).get("conditions") or ()  # none right after it was made
        conditions = {each["type"]: each["status"] for each in said}
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        served = [each["name"] for each in crd["spec"]["versions"] if each["served"]]
        lists = [self.ask("GET", f"/apis/{group}/{name}/{plural}").code for name in served]
        return conditions.get("Established") == "True" and set(lists) == {200}


@contextlib.contextmanager
def api_server(
    folder: Path, *, authorization: str = "AlwaysAllow", also: Sequence[str] = ()
) -> Iterator[ApiServer]:
    """Run etcd and kube-apiserver in a folder.

    Args:
        folder: For their data, logs and certificates.
        authorization: `AlwaysAllow`, or `RBAC` where rights are the question; the tester has all.
        also: Users beside the tester. Each may ask with their name as the token, and what they ask
            is written down in `audit.log`, a line of JSON for each request.

    Raises:
        SetupError: A program is missing, or does not start.
    """
    etcd, server = str(program("etcd")), str(program("kube-apiserver"))
    client, peer, port = _free_port(), _free_port(), _free_port()
    key, certificates = folder / "tokens.key", folder / "certificates"
    _run("openssl", "genrsa", "-out", str(key), "2048")
    people = folder / "people.csv"
    lines = [f"{_TOKEN},tester,tester,system:masters", *(f"{name},{name},{name}" for name in also)]
    people.write_text("\n".join(lines) + "\n", encoding="utf-8")
    policy = folder / "audit.yaml"
    heard = {"level": "Metadata", "users": list(also), "omitStages": ["RequestReceived"]}
    rules = [heard, {"level": "None"}] if also else [{"level": "None"}]
    written = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}
    policy.write_text(yaml.safe_dump(written), encoding="utf-8")
    store = f"http://127.0.0.1:{client}"
    with contextlib.ExitStack() as running:
        Process(
            running,
            folder / "etcd.log",
            [
                *(etcd, "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
                *("--listen-client-urls", store, "--advertise-client-urls", store),
                *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
            ],
        )
        process = Process(
            running,
            folder / "kube-apiserver.log",
            [
                *(server, f"--etcd-servers={store}", f"--cert-dir={certificates}"),
                *("--bind-address=127.0.0.1", f"--secure-port={port}"),
                *(f"--authorization-mode={authorization}", f"--token-auth-file={people}"),
                *("--service-account-issuer=https://tests", f"--service-account-key-file={key}"),
                *(f"--service-account-signing-key-file={key}", "--disable-admission-plugins"),
                *("ServiceAccount", "--service-cluster-ip-range=10.64.0.0/16"),
                *("--audit-policy-file", str(policy)),
                *("--audit-log-path", str(folder / "audit.log"), "--audit-log-mode", "blocking"),
            ],
        )
        found = _server(folder, f"https://127.0.0.1:{port}", certificates / "apiserver.crt")
        running.enter_context(found.session)
        process.until(found.is_ready, _START_SECONDS)
        yield found


def _server(folder: Path, url: str, authority: Path) -> ApiServer:
    kubeconfig = folder / "kubeconfig"
    cluster = {"server": url, "certificate-authority": str(authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "tester", "user": {"token": _TOKEN}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tester"}}],
        "current-context": "tests",
    }
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    session = requests.Session()
    session.trust_env = False  # else a proxy or other certificates of the machine come first
    session.verify = str(authority)
    session.headers["Authorization"] = f"Bearer {_TOKEN}"
    return ApiServer(url, kubeconfig, session)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    except FileNotFoundError:
        raise SetupError(f"There is no {command[0]} on PATH. Install it.") from None
