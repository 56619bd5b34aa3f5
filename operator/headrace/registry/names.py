"""What the registry calls things, for all who talk to it."""

from __future__ import annotations

import re

from headrace.errors import InvalidInput

CHAMPION = "champion"
"""The alias of the version that has the users now."""

CHALLENGER = "challenger"
"""The alias of the version under test."""

VERSION_TAG = "headrace.version"
"""Of a version: the name that it was packaged with. MLflow has numbers of its own."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_QUOTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*")


def plain(text: str) -> str:
    """Insist on a name that needs no quoting in MLflow's queries.

    Raises:
        InvalidInput: It needs some.
    """
    if not _PLAIN.fullmatch(text):
        raise InvalidInput(
            f"{text!r} cannot name a model or version in the registry: "
            "expected letters, digits, dots, hyphens and underscores."
        )
    return text


def quotable(text: str) -> str:
    """Insist on a tag's value that needs no escaping in MLflow's queries: a digest, commit or run.

    Raises:
        InvalidInput: It needs some.
    """
    if not _QUOTABLE.fullmatch(text):
        raise InvalidInput(
            f"{text!r} cannot be looked for in the registry: "
            "expected a digest sha256:..., a commit, or the id of a run."
        )
    return text
