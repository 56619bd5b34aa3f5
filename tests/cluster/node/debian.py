"""What the node needs of the machine: a few of Debian's packages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from headrace.errors import SetupError
from tests.cluster.programs.commands import Say, run

CNI = Path("/usr/lib/cni")

_PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "openssl": "openssl",
    "unshare": "util-linux",
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
    str(CNI / "bridge"): "containernetworking-plugins",
}
_ENVIRON = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


def require(home: Path, say: Say) -> None:
    """Install the packages that are missing.

    Args:
        home: For the log.
        say: Is told what is being done.

    Raises:
        SetupError: This is not root on a Linux, or a package cannot be installed.
    """
    if os.geteuid() != 0:
        raise SetupError("A node without Docker needs root, for namespaces. Run `sudo make e2e`.")
    missing = sorted({_PROGRAMS[name] for name in _PROGRAMS if shutil.which(name) is None})
    if not missing:
        return
    apt_get = shutil.which("apt-get")
    if apt_get is None:
        raise SetupError(f"The node needs {', '.join(missing)}. Install them.")
    say(f"Installing {', '.join(missing)}")
    log = home / "apt-get.log"
    command = [apt_get, "install", "--yes", "--no-install-recommends", *missing]
    try:
        run(command, log, say, _ENVIRON)
    except SetupError:
        run([apt_get, "update"], log, say, _ENVIRON)
        run(command, log, say, _ENVIRON)
