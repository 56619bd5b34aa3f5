"""Manifests as YAML: the order of the keys as given, no anchors, the same text every time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


class _Plain(yaml.SafeDumper):
    """A dumper that writes everything out where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never write an anchor."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Keep the dashes of a list under its key, as kubectl does."""
        super().increase_indent(flow, indentless)


def to_yaml(manifest: Mapping[str, Any]) -> str:
    """Write one manifest."""
    text: str = yaml.dump(
        dict(manifest), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100
    )
    return text
