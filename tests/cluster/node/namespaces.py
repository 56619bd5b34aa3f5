"""Enters namespaces of its own, and makes the network and mounts in there."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests.cluster.node.addresses import NODE, ROUTER

_CGROUPS = Path("/sys/fs/cgroup")
_PREFIX = "headrace-tests-"
_END_SECONDS = 10.0
_KERNEL = {"net.ipv4.ip_forward": "1", "net.bridge.bridge-nf-call-iptables": "1"}


def enter(module: str, arguments: Sequence[str]) -> NoReturn:
    """Become a process that runs a module within new namespaces, and ends with it.

    Args:
        module: Its name; it is the first process there.
        arguments: For the module.
    """
    unshare = shutil.which("unshare") or "unshare"
    flags = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    os.execv(unshare, [unshare, *flags, sys.executable, "-m", module, *arguments])


def mount_memory(*folders: Path) -> None:
    """Have a new `/run` in memory, and other folders: all state of the node goes with them."""
    for folder in (Path("/run"), *folders):
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder))


def connect() -> None:
    """Make the node's interface.

    A veth whose other end leads nowhere, as not every kernel has dummies. The address is not
    loopback, for Kubernetes refuses those.
    """
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "uplink")
    _run("ip", "link", "set", "uplink", "up")
    _run("ip", "address", "add", f"{NODE}/24", "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    _run("ip", "route", "add", "default", "via", ROUTER)
    for name, value in _KERNEL.items():
        path = Path("/proc/sys", *name.split("."))
        if path.exists():
            path.write_text(value, encoding="ascii")


def cgroup() -> str:
    """Make the parent of all pods' control groups, which no namespace hides; give its name.

    Those of nodes that were killed are removed: they are empty.
    """
    roots = [path for path in _CGROUPS.iterdir() if (path / "cgroup.procs").exists()]
    if (_CGROUPS / "cgroup.controllers").exists():
        roots = [_CGROUPS]
    for old in [path for root in roots for path in root.glob(f"{_PREFIX}*")]:
        _remove(old)
    name = f"{_PREFIX}{time.time_ns()}"
    for root in roots:
        (root / name).mkdir()
        _pass_controllers_on(root)
    return f"/{name}"


def remove_cgroup(name: str) -> None:
    """End the pods' processes, which are those of the control groups, and remove the groups."""
    until = time.monotonic() + _END_SECONDS
    folders = [path for path in _cgroups(name.lstrip("/")) if not _is_removed(path)]
    while folders and time.monotonic() < until:
        time.sleep(0.1)
        folders = [path for path in folders if not _is_removed(path)]


def _cgroups(name: str) -> list[Path]:
    """Give a group's folder, or its folders where every controller has a tree of its own."""
    return [path for path in (_CGROUPS / name, *_CGROUPS.glob(f"*/{name}")) if path.is_dir()]


def _is_removed(folder: Path) -> bool:
    with contextlib.suppress(OSError):  # a process or a group ends by itself meanwhile
        for path in folder.rglob("cgroup.procs"):
            for process in path.read_text("ascii").split():
                os.kill(int(process), signal.SIGKILL)
        _remove(folder)
    return not folder.exists()


def _pass_controllers_on(root: Path) -> None:
    """Let children of the second version's root be limited; the first has no such switch."""
    controllers = root / "cgroup.controllers"
    if controllers.exists():
        text = " ".join(f"+{name}" for name in controllers.read_text("ascii").split())
        (root / "cgroup.subtree_control").write_text(text, encoding="ascii")


def _remove(folder: Path) -> None:
    for child in [path for path in folder.glob("*") if path.is_dir()]:
        _remove(child)
    try:
        folder.rmdir()
    except OSError:
        return  # a process of it is still ending: the next node removes it


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60)
