"""Manifests as YAML: block style in the given order, no anchors, the same bytes every time.

PyYAML's writer would do, thirty times slower; and what is written here is a small part of YAML:
texts, whole numbers, decimals, truth values, lists and mappings, as Kubernetes has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from headrace.render.manifest import Manifest

# Begins with a letter or a slash, so that it is no number, date or octal of any YAML version; or is
# a quantity or a duration, whose unit makes it none.
_PLAIN = re.compile(
    r"(?:[A-Za-z/](?:[A-Za-z0-9_./+-]|[: ](?=[A-Za-z0-9_./+-])|, ?(?=[A-Za-z0-9_./+-]))*"
    r"|[1-9][0-9]*(?:m|s|h|ms|Ki|Mi|Gi|Ti))\Z"
)
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_UNBLOCKED = re.compile("[\x00-\x09\x0b-\x1f]|" + _UNPRINTABLE.pattern)
_CONTROL = re.compile("[\x00-\x1f]|" + _UNPRINTABLE.pattern)


def to_yaml(manifests: Iterable[Manifest]) -> str:
    """Write manifests as one stream of documents.

    Raises:
        TypeError: A value is none that a manifest has, such as None.
    """
    return "---\n".join(_document(each) for each in manifests)


def _document(document: Mapping[str, Any]) -> str:
    lines: list[str] = []
    _mapping(document, "", "", lines)
    lines.append("")
    return "\n".join(lines)


def _mapping(mapping: Mapping[str, Any], first: str, indent: str, lines: list[str]) -> None:
    """Write a mapping; `first` stands before its first line, `indent` before all others."""
    before = first
    for key, value in mapping.items():
        _value(value, f"{before}{_text(key)}:", indent, lines)
        before = indent


def _sequence(items: Sequence[Any], indent: str, lines: list[str]) -> None:
    deeper = indent + "  "
    for item in items:
        if isinstance(item, dict) and item:
            _mapping(item, f"{indent}- ", deeper, lines)
        else:
            _value(item, f"{indent}-", deeper, lines)


def _value(value: Any, head: str, indent: str, lines: list[str]) -> None:
    """Write a value behind `head`; what needs lines of its own is indented below it."""
    if isinstance(value, str):
        if _is_block(value):
            lines.append(f"{head} |")
            deeper = indent + "  "
            lines += [deeper + line if line else "" for line in value[:-1].split("\n")]
        else:
            lines.append(f"{head} {_text(value)}")
    elif isinstance(value, dict) and value:
        lines.append(head)
        _mapping(value, indent + "  ", indent + "  ", lines)
    elif isinstance(value, list) and value:
        lines.append(head)
        _sequence(value, indent, lines)
    else:
        lines.append(f"{head} {_plain_value(value)}")


def _is_block(text: str) -> bool:
    """Say whether a text can stand as it is, line by line, and ends with its one line's end."""
    if "\n" not in text[:-1] or text[0].isspace() or _UNBLOCKED.search(text):
        return False
    return text.endswith("\n") and not text[:-1].endswith("\n")


def _plain_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = json.dumps(value, allow_nan=False)
        return text if "." in text else text.replace("e", ".0e")
    if value == {} or value == []:
        return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"a manifest cannot hold {value!r}")


@lru_cache(maxsize=16384)
def _text(text: str) -> str:
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    if '"' in text and not _CONTROL.search(text):
        return "'" + text.replace("'", "''") + "'"
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)
