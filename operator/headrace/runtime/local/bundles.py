"""Bundles on this machine: fetched once, checked against their digest, and kept by it.

Also a `file://` bundle is copied: what was registered goes on being served, and survives restarts,
whatever somebody does to the original meanwhile.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from headrace.errors import HeadraceError, InvalidBundle, PlatformUnavailable
from headrace.serving.bundle import read_bundle
from headrace.serving.copying import copy_files, name_address


class BundleCache:
    """A folder of checked bundles.

    Args:
        root: The folder; made when it is needed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def fetch(self, uri: str, digest: str) -> Path:
        """Give the folder of a bundle, fetched if it is not here yet.

        Args:
            uri: Anything that fsspec reads, or a path.
            digest: What was registered.

        Raises:
            NotFound: There is nothing at the address.
            DigestMismatch: What is there is not what was registered.
            InvalidBundle: It cannot be served as it is.
            SetupError: Reading such an address needs a package that is not installed.
            PlatformUnavailable: It cannot be read or kept just now.
        """
        target = self._root / digest.replace(":", "-")
        if target.is_dir():
            try:
                read_bundle(target, digest)
            except InvalidBundle:
                shutil.rmtree(target)  # not what we put there: fetch it again
            else:
                return target
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=self._root) as folder:
                copy = Path(folder) / "bundle"
                copy.mkdir()
                copy_files(uri, copy)
                with name_address(copy, uri):
                    read_bundle(copy, digest)
                if not target.is_dir():
                    copy.rename(target)
        except HeadraceError:
            raise
        except OSError as error:
            raise PlatformUnavailable(
                f"The bundle at {uri} cannot be kept in {self._root}: {error.strerror or error}."
            ) from error
        return target
