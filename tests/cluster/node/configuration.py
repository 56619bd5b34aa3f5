"""The files that the node's programs are told by."""

from __future__ import annotations

import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.node.addresses import API_PORT, DNS, NODE, PODS
from tests.cluster.node.debian import CNI

SOCKET = "/run/containerd.sock"
PAUSE = "localhost/pause:1"


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything is.

    Attributes:
        home: The folder; its subfolders are the programs' own.
        cgroup: The parent of all pods' control groups.
    """

    home: Path
    cgroup: str

    @property
    def kubeconfig(self) -> Path:
        """For whoever may do everything."""
        return self.home / "kubeconfig"

    @property
    def authority(self) -> Path:
        """What signed the API server's certificate: itself."""
        return self.home / "certificates" / "apiserver.crt"

    @property
    def key(self) -> Path:
        """What signs the tokens of service accounts."""
        return self.home / "tokens.key"

    @property
    def people(self) -> Path:
        """Who may talk to the API server."""
        return self.home / "people.csv"

    @property
    def logs(self) -> Path:
        """A log for each program."""
        return self.home / "logs"

    def write(self) -> None:
        """Write every file."""
        self.logs.mkdir(parents=True)
        token = secrets.token_hex()
        self.people.write_text(f'{token},admin,admin,"system:masters"\n', encoding="ascii")
        command = ["openssl", "genrsa", "-out", str(self.key), "2048"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        self._yaml("kubeconfig", self._kubeconfig(token))
        self._yaml("kubelet.yaml", self._kubelet())
        self._yaml("kube-proxy.yaml", self._proxy())
        (self.home / "containerd.toml").write_text(self._containerd(), encoding="utf-8")
        network = self.home / "cni"
        network.mkdir()
        (network / "10-pods.conflist").write_text(json.dumps(_NETWORK), encoding="utf-8")

    def _yaml(self, name: str, content: dict[str, Any]) -> None:
        (self.home / name).write_text(yaml.safe_dump(content), encoding="utf-8")

    def _kubeconfig(self, token: str) -> dict[str, Any]:
        server = f"https://{NODE}:{API_PORT}"
        cluster = {"server": server, "certificate-authority": str(self.authority)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "node", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "node", "context": {"cluster": "node", "user": "admin"}}],
            "current-context": "node",
        }

    def _kubelet(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,  # many machines still have it
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": self.cgroup,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "evictionHard": {"nodefs.available": "1%"},
            "clusterDNS": [DNS],
            "clusterDomain": "cluster.local",
            # What crashes is started again after seconds, not minutes: tests wait for it.
            "crashLoopBackOff": {"maxContainerRestartPeriod": "3s"},
            # Some machines withhold the right to lower a process' score for being killed.
            "featureGates": {"KubeletInUserNamespace": True, "KubeletCrashLoopBackOffMax": True},
        }

    def _proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": PODS,
            "clientConnection": {"kubeconfig": str(self.kubeconfig)},
            "hostnameOverride": "node",
            "conntrack": {"maxPerCore": 0},
        }

    def _containerd(self) -> str:
        return f"""version = 2
root = "{self.home}/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{self.home}/cni"
"""


_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}
