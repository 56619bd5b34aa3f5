"""Manifests as YAML: keys in the given order, no anchors, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

try:
    from yaml import CSafeDumper as _Dumper  # libyaml: ten times as fast
except ImportError:
    from yaml import SafeDumper as _Dumper  # type: ignore[assignment]


class _Plain(_Dumper):
    """A dumper that writes everything out where it stands, and texts of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never write an anchor."""
        return True


_PLAIN = re.compile(r"[A-Za-z/]|[1-9][0-9]*(m|s|h|ms|Ki|Mi|Gi|Ti)\Z")
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


def _text(dumper: _Plain, text: str) -> yaml.ScalarNode:
    """Write a text so that every YAML reads a text.

    PyYAML quotes what it would itself take for something else. Kubernetes' reader knows more
    numbers, such as `1e3`, and more words: only what begins with a letter, or has a unit, stands
    plain.
    """
    style = None
    if "\n" in text:
        style = "|"
    elif not _PLAIN.match(text) or text.lower() in _WORDS:
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _nothing(dumper: _Plain, value: None) -> yaml.ScalarNode:
    raise TypeError("a manifest cannot hold None")


_Plain.add_representer(str, _text)
_Plain.add_representer(type(None), _nothing)


def to_yaml(manifests: Iterable[Mapping[str, Any]], width: int = 10_000) -> str:
    """Write manifests as one stream of documents.

    Args:
        manifests: Plain values.
        width: Where long texts are folded.

    Raises:
        TypeError: A value is none that a manifest has, such as None.
    """
    return "---\n".join(
        yaml.dump(dict(each), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=width)
        for each in manifests
    )
