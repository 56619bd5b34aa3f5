"""Starts the components of Kubernetes, in the order in which they need each other."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from headrace.errors import SetupError
from tests.cluster.node.addresses import API_PORT, NODE, SERVICES
from tests.cluster.node.configuration import SOCKET, Files
from tests.cluster.processes import Process
from tests.cluster.programs.catalogue import CLUSTER, kept, program

_STORE = "http://127.0.0.1:2379"
_SECONDS = 300.0
_IMPORTS = 2
_CTR = ("ctr", "--address", SOCKET, "--namespace", "k8s.io")


class Components:
    """The components of one node."""

    def __init__(self, running: ExitStack, files: Files) -> None:
        self._running, self._files = running, files
        self.environ = {
            **os.environ,
            "PATH": os.pathsep.join([str(kept(CLUSTER)), os.environ["PATH"]]),
            "KUBECONFIG": str(files.kubeconfig),
        }

    def start(self, images: Sequence[Path]) -> None:
        """Start them all.

        Args:
            images: Archives that containerd takes up.

        Raises:
            SetupError: One did not become ready.
        """
        api_server = self._start_api_server()
        self._start_containerd().until(self._containerd_answers, _SECONDS)
        with ThreadPoolExecutor(_IMPORTS) as pool:
            imports = [pool.submit(_import, image) for image in images]
            api_server.until(self._api_server_answers, _SECONDS)
            self._start_controllers()
            self._start_kubelet().until(self._node_is_ready, _SECONDS)
            for each in imports:
                each.result()

    def kubectl(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl."""
        command = [str(program("kubectl")), *arguments]
        return subprocess.run(
            command,
            input=text,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=2 * _SECONDS,
        )

    def _start_api_server(self) -> Process:
        home = self._files.home
        self._start(
            str(program("etcd")),
            *("--data-dir", f"{home}/etcd", "--unsafe-no-fsync"),
            *("--listen-client-urls", _STORE, "--advertise-client-urls", _STORE),
            *("--listen-peer-urls", "http://127.0.0.1:2380"),
        )
        return self._start(
            str(program("kube-apiserver")),
            *(f"--etcd-servers={_STORE}", f"--cert-dir={self._files.authority.parent}"),
            *("--bind-address=0.0.0.0", f"--advertise-address={NODE}"),
            *(f"--secure-port={API_PORT}", "--kubelet-preferred-address-types=InternalIP"),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={self._files.key}",
            f"--service-account-signing-key-file={self._files.key}",
            *(f"--token-auth-file={self._files.people}", "--authorization-mode=Node,RBAC"),
            *(f"--service-cluster-ip-range={SERVICES}", "--allow-privileged=true"),
        )

    def _start_containerd(self) -> Process:
        containerd = shutil.which("containerd") or "containerd"
        return self._start(containerd, "--config", f"{self._files.home}/containerd.toml")

    def _start_controllers(self) -> None:
        kubeconfig = self._files.kubeconfig
        access = [
            *(f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}"),
            *(f"--authorization-kubeconfig={kubeconfig}", "--leader-elect=false"),
        ]
        self._start(
            str(program("kube-controller-manager")),
            *access,
            f"--service-account-private-key-file={self._files.key}",
            f"--root-ca-file={self._files.authority}",
        )
        self._start(str(program("kube-scheduler")), *access)
        self._start(str(program("kube-proxy")), f"--config={self._files.home}/kube-proxy.yaml")

    def _start_kubelet(self) -> Process:
        home = self._files.home
        return self._start(
            str(program("kubelet")),
            *(f"--config={home}/kubelet.yaml", f"--kubeconfig={self._files.kubeconfig}"),
            *(f"--root-dir={home}/kubelet", f"--cert-dir={home}/pki"),
            *("--hostname-override=node", f"--node-ip={NODE}"),
        )

    def _start(self, *command: str) -> Process:
        log = self._files.logs / f"{Path(command[0]).name}.log"
        return Process(self._running, log, command, self.environ)

    def _containerd_answers(self) -> bool:
        answer = subprocess.run([*_CTR, "version"], capture_output=True, timeout=60)
        return answer.returncode == 0

    def _api_server_answers(self) -> bool:
        return self.kubectl("get", "--raw", "/readyz").stdout == "ok"

    def _node_is_ready(self) -> bool:
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        return self.kubectl("get", "node", "node", "-o", path).stdout == "True"


def _import(image: Path) -> None:
    command = [*_CTR, "images", "import", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * _SECONDS)
    if done.returncode != 0:
        raise SetupError(f"containerd does not take {image}: {done.stderr[-500:]}")
