"""Fetches a bundle, checks it, and ends: what runs in a pod before its model server does.

    python -m headrace.serving.fetch --digest sha256:9f2c... --target /bundle/model s3://models/a/7

A refusal ends with `REFUSED` and one line on stderr, as of a server; it stays one however often
the pod is restarted. Anything that may pass ends with 1, and the pod's restarts try again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from headrace.errors import InvalidBundle, InvalidInput, PlatformUnavailable, TemporaryError
from headrace.serving.bundle import read_bundle
from headrace.serving.copying import copy_files, name_address
from headrace.serving.digest import is_digest
from headrace.serving.refusal import refusing


def fetch(uri: str, digest: str, target: Path) -> None:
    """Have a bundle in a folder.

    A container that is started again finds what the one before left: a whole bundle is taken as
    it is, anything else is fetched anew.

    Args:
        uri: Anything that fsspec reads, or a path.
        digest: What was registered.
        target: The folder; what is there is replaced if it is not this bundle.

    Raises:
        NotFound: There is nothing at the address.
        DigestMismatch: What is there is not what was registered.
        InvalidBundle: It cannot be served as it is.
        InvalidInput: `digest` is none.
        SetupError: Reading such an address needs a package that is not installed.
        PlatformUnavailable: It cannot be read or kept just now.
    """
    if not is_digest(digest):
        expected = "sha256: and 64 hexadecimal digits"
        raise InvalidInput(f"{digest[:80]!r} is no digest; expected {expected}.")
    if target.is_dir():
        try:
            read_bundle(target, digest)
        except InvalidBundle:
            pass  # a copy that was cut off, or of another version
        else:
            return
    try:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        copy_files(uri, target)
    except OSError as error:
        problem = error.strerror or str(error)
        raise PlatformUnavailable(
            f"The bundle at {uri} cannot be kept in {target}: {problem}."
        ) from error
    with name_address(target, uri):
        read_bundle(target, digest)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch what the command line says."""
    options = _parser().parse_args(arguments)
    with refusing():
        try:
            fetch(options.uri, options.digest, options.target)
        except TemporaryError as error:
            print(f"headrace: {error}", file=sys.stderr, flush=True)
            sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="headrace.serving.fetch", description=__doc__)
    parser.add_argument("--digest", required=True, help="what the bundle must have")
    parser.add_argument("--target", required=True, type=Path, help="the bundle's folder")
    parser.add_argument("uri", help="anything that fsspec reads")
    return parser


if __name__ == "__main__":
    main()
