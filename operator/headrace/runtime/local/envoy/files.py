"""The folder that Envoy reads: what is where, and how its parts refer to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]
"""JSON, as Envoy's protocol buffers are written in it."""

TYPES = "type.googleapis.com/envoy"


@dataclass(frozen=True, slots=True)
class EnvoyFiles:
    """The folder. Each kind of file has a folder of its own, so that no watch sees the others.

    Attributes:
        root: The folder, an absolute path.
    """

    root: Path

    @property
    def bootstrap(self) -> Path:
        """What Envoy is started with."""
        return self.root / "bootstrap.json"

    @property
    def routes(self) -> Path:
        """The routes, watched."""
        return self.root / "routes" / "routes.json"

    @property
    def clusters(self) -> Path:
        """The clusters, watched."""
        return self.root / "clusters" / "clusters.json"

    def endpoints(self, version: str) -> Path:
        """The servers of a version, watched."""
        # Letters in hexadecimal: a file system may take `v1` and `V1` for the same name.
        return self.root / "endpoints" / f"{version.encode().hex()}.json"

    def make(self) -> None:
        """Make the folders.

        Raises:
            OSError: The disk did not take them.
        """
        for path in (self.routes, self.clusters, self.endpoints("")):
            path.parent.mkdir(parents=True, exist_ok=True)


def watched(path: Path) -> Document:
    """Refer to a file that Envoy reads again whenever something is moved into its folder."""
    return {
        "path_config_source": {
            "path": str(path),
            "watched_directory": {"path": str(path.parent)},
        },
        "resource_api_version": "V3",
    }


def response(resources: Sequence[Document]) -> Document:
    """Wrap resources as Envoy reads them from a file."""
    return {"resources": list(resources)}
