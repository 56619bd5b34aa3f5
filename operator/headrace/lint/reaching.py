"""Whether the models' bundles can be read from here. The only part of lint that asks a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from headrace.api import RolloutSpec
from headrace.errors import Fault
from headrace.lint import catalogue
from headrace.lint.advice import Advice

_TIMEOUT_SECONDS = 10.0
_CARD = "model.json"
_CLAIM = "pvc://"


def unreachable(spec: RolloutSpec) -> Iterator[Advice]:
    """Name every model whose bundle has no `model.json` that can be seen from here."""
    for index, model in enumerate(spec.versions):
        path = f"spec.challengers[{index - 1}].uri" if index else "spec.model.uri"
        # A claim is read by pods only.
        problem = "" if model.uri.startswith(_CLAIM) else _problem(model.uri)
        if problem:
            expected = f"a folder with {_CARD} that can be read with these credentials"
            yield catalogue.UNREACHABLE, Fault(path, problem, expected)


def _problem(uri: str) -> str:
    found: list[str] = []
    # A storage that never answers must not keep lint for ever, and fsspec has no common timeout.
    asking = threading.Thread(target=lambda: found.append(_ask(uri)), daemon=True)
    asking.start()
    asking.join(_TIMEOUT_SECONDS)
    return found[0] if found else f"{uri} did not answer in {_TIMEOUT_SECONDS:g} s"


def _ask(uri: str) -> str:
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(uri)
        there = system.exists(f"{root.rstrip('/')}/{_CARD}")
    except ImportError as error:
        return f"nothing here reads {uri}: {error}"
    # Each storage raises errors of its own; whatever they are, the bundle was not seen.
    except Exception as error:  # noqa: BLE001
        return f"{uri} cannot be read: {error}"
    return "" if there else f"{uri} has no {_CARD}"
