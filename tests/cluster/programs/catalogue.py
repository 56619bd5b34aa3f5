"""Which programs the tests' cluster needs, and how each is built.

All are Go. Each module below `modules` names its programs as tools and pins, with `go.sum`, every
source that goes into them. Nothing is linked to C, so that a program runs in any image.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import SetupError
from headrace.runtime.local.prometheus_binary import cache_folder
from tests.cluster.programs.commands import Say, alone, run
from tests.cluster.programs.golang import find_go

MODULES = Path(__file__).parents[1] / "modules"

_PATIENCE = 600.0


CLUSTER = "cluster"
"""The module of all that a cluster runs: one, so that what they share is compiled once."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program.

    Attributes:
        name: Its file.
        package: The Go package that is built.
        module: The folder with `go.mod`.
    """

    name: str
    package: str
    module: str = CLUSTER

    def path(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Give where it is, or will be."""
        return kept(self.module, environ) / self.name


API_SERVER = (
    Program("etcd", "go.etcd.io/etcd/server/v3"),
    Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    Program("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"),
    Program("helm", "helm.sh/helm/v3/cmd/helm"),
)
"""What tests without a node need."""

NODE = (
    Program("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    Program("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    Program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    Program("coredns", "headrace.dev/tests/cluster/coredns"),
    Program("envoy-gateway", "github.com/envoyproxy/gateway/cmd/envoy-gateway"),
    Program("prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),
)
"""What a node with a gateway and a Prometheus needs besides."""

FLEET = (
    *(each for each in NODE if each.name in ("kube-controller-manager", "kube-scheduler")),
    Program("kwok", "sigs.k8s.io/kwok/cmd/kwok", "kwok"),
)
"""What has thousands of pods run in words only (KWOK has the part of the kubelets)."""

PROGRAMS = tuple(dict.fromkeys(API_SERVER + NODE + FLEET))

_TAGS = "remove_all_sd,enable_kubernetes_sd"
"""Debian's Prometheus knows no Kubernetes. That of a dozen clouds is minutes of building."""


def kept(module: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Give the folder of what is made from a module; another one when the module changes."""
    sources = sorted(path for path in (MODULES / module).rglob("*") if path.is_file())
    text = b"".join(path.read_bytes() for path in sources)
    return cache_folder(environ) / f"{module}-{hashlib.sha256(text).hexdigest()[:12]}"


def program(name: str) -> Path:
    """Give the path of a program that has been built.

    Raises:
        SetupError: It has not been.
    """
    path = next(each for each in PROGRAMS if each.name == name).path()
    if not path.is_file():
        raise SetupError(f"{name} is not in {path.parent}. Build it: run `make kubernetes`.")
    return path


def build(programs: Iterable[Program], say: Say) -> None:
    """Build the programs that are not there yet.

    Args:
        programs: Which.
        say: Is told what is being done.

    Raises:
        SetupError: There is no Go, or a program cannot be built.
    """
    for module, wanted in _missing(programs).items():
        folder = kept(module)
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / "lock"):
            if still := _missing(wanted).get(module):
                say(f"Building {', '.join(each.name for each in still)}")
                _build(find_go(say), module, still, say)


def _missing(programs: Iterable[Program]) -> dict[str, list[Program]]:
    missing: dict[str, list[Program]] = {}
    for each in programs:
        if not each.path().is_file():
            missing.setdefault(each.module, []).append(each)
    return missing


def go_environment() -> dict[str, str]:
    """Give the environment in which Go does the same on every machine.

    A module that needs a later Go than there is gets it through the module proxy.
    """
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto", "GOWORK": "off"}


def module_folder(go: Path, folder: str, module: str) -> Path:
    """Fetch the sources of a module that is required below `modules`.

    Args:
        go: The toolchain.
        folder: Whose `go.mod` requires it.
        module: Its path.

    Raises:
        SetupError: It cannot be fetched.
    """
    command = [str(go), "mod", "download", "-C", str(MODULES / folder), "-json", module]
    result = subprocess.run(
        command, env=go_environment(), capture_output=True, text=True, timeout=_PATIENCE
    )
    if result.returncode != 0:
        raise SetupError(f"The module {module} cannot be fetched: {result.stderr[-500:]}")
    return Path(json.loads(result.stdout)["Dir"])


def _build(go: Path, module: str, wanted: Sequence[Program], say: Say) -> None:
    """Build programs of one module at once: one is linked while others are compiled."""
    folder = kept(module)
    log = folder / "build.log"
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as name:
        run(
            [
                *(str(go), "build", "-C", str(MODULES / module), "-trimpath", "-tags", _TAGS),
                # No tables for debuggers: neither compiled nor linked.
                *("-gcflags", "all=-dwarf=false", "-ldflags", " ".join(_link_flags(module))),
                *("-o", f"{name}/", *(each.package for each in wanted)),
            ],
            log,
            say,
            go_environment(),
        )
        for each in wanted:
            (Path(name) / _file(each.package)).rename(each.path())
    log.unlink(missing_ok=True)


def _file(package: str) -> str:
    """Give the name that Go has for a program: the package's, but for a major version."""
    parts = package.split("/")
    return parts[-2] if re.fullmatch(r"v\d+", parts[-1]) else parts[-1]


def _link_flags(module: str) -> list[str]:
    """Say the version, which Kubernetes takes from nowhere else."""
    flags = ["-s", "-w"]
    if module == CLUSTER:
        text = (MODULES / module / "go.mod").read_text("utf-8")
        version = re.findall(r"^\s*k8s\.io/kubernetes (v\S+)", text, re.MULTILINE)[0]
        major, minor, _ = version.removeprefix("v").split(".")
        known = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
        flags += [f"-X k8s.io/component-base/version.{key}={known[key]}" for key in known]
    return flags
