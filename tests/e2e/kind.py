"""A cluster of kind for the time of a command, set up by the script of `make kind`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

_CLUSTER = "headrace-e2e"
_KUBECONFIG = ROOT / ".headrace" / "kind-e2e.kubeconfig"


def is_usable() -> bool:
    """Say whether Docker and kind are here and Docker answers."""
    if shutil.which("docker") is None or shutil.which("kind") is None:
        return False
    asked = subprocess.run(["docker", "info"], capture_output=True, timeout=60)
    return asked.returncode == 0


def run(command: Sequence[str]) -> int:
    """Make the cluster, run the command, and give its exit code; then the cluster is gone."""
    environ = {
        **os.environ,
        "CLUSTER": _CLUSTER,
        "KUBECONFIG": str(_KUBECONFIG),
        "HEADRACE_GATEWAY": "http://localhost:8080",
        "HEADRACE_REGISTRY_URL": "http://localhost:5050",
        "HEADRACE_MODELS": str(ROOT / ".headrace" / "models"),
    }
    _delete(environ)
    try:
        made = subprocess.run([str(ROOT / "scripts" / "kind")], env=environ)
        if made.returncode != 0:
            return made.returncode
        return subprocess.run(command, env=environ).returncode
    finally:
        _delete(environ)


def _delete(environ: dict[str, str]) -> None:
    delete = ["kind", "delete", "cluster", "--name", _CLUSTER]
    subprocess.run(delete, env=environ, check=True)
    shutil.rmtree(ROOT / ".headrace" / "models", ignore_errors=True)
