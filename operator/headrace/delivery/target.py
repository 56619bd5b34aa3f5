"""Where ModelRollouts are delivered to, as one address.

`kubernetes://` is the cluster of the current context, or of the pod; `kubernetes://kind-dev/models`
names a context and a namespace. `file:///repo/rollouts` is a directory: of a Git repository that
Argo CD or Flux watch, or any other. `local:///srv/ml/.headrace` is the folder of
`headrace up` on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from headrace.errors import InvalidInput


@dataclass(frozen=True)
class ClusterTarget:
    """A cluster.

    Attributes:
        context: Of the kubeconfig; empty for the current one, or for the pod's own cluster.
        namespace: Empty for the manifest's, else for that of the context or of the pod.
    """

    context: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class DirectoryTarget:
    """A directory in which each rollout is a file."""

    path: Path


@dataclass(frozen=True)
class LocalTarget:
    """The folder of `headrace up`."""

    home: Path


Target = ClusterTarget | DirectoryTarget | LocalTarget


def parse_target(text: str) -> Target:
    """Read an address.

    Raises:
        InvalidInput: It is none.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _unsupported(text) from None
    path = unquote(parts.path)
    match parts.scheme:
        case "kubernetes":
            names = [name for name in path.split("/") if name]
            if len(names) <= 1 and not parts.query and not parts.fragment:
                return ClusterTarget(unquote(parts.netloc), names[0] if names else "")
        case "file" if _is_here(parts):
            return DirectoryTarget(Path(path))
        case "local" if _is_here(parts):
            return LocalTarget(Path(path))
    raise _unsupported(text)


def _is_here(parts: SplitResult) -> bool:
    return parts.netloc in ("", "localhost") and parts.path.startswith("/")


def _unsupported(text: str) -> InvalidInput:
    return InvalidInput(
        f"The target {text!r} is not supported; expected kubernetes:// for the cluster, "
        "kubernetes:///NAMESPACE or kubernetes://CONTEXT/NAMESPACE, a directory such as "
        "file:///repo/rollouts, or the folder of `headrace up` such as local:///srv/ml/.headrace."
    )
