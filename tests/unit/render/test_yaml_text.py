from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headrace.render.yaml_text import to_yaml

texts = st.text() | st.sampled_from(
    [
        "no",
        "Y",
        "null",
        "~",
        "1",
        "1e3",
        "0x1f",
        "1_0",
        "10m",
        "0s",
        "2026-11-21",
        "1:30",
        "=",
        "<<",
        "a: b",
        "a #b",
        "- a",
        "a:",
        "a\n",
        "a\nb\n",
        " a\nb\n",
        "a\n\nb",
        'say "it\'s"',
        "x\ty",
        "\x85",
    ]
)
scalars = texts | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(texts, values, min_size=1, max_size=5))
def test_what_is_written_reads_as_what_it_was(document: dict[str, Any]) -> None:
    # Characters that no YAML can carry as they are, escaped or not.
    text = to_yaml([document, document])
    if any("\ud800" <= character <= "\udfff" for character in text):
        return
    assert list(yaml.safe_load_all(text)) == [document, document]


def test_it_is_laid_out_as_people_write_it() -> None:
    document = {
        "kind": "X",
        "empty": {},
        "list": [{"name": "a", "value": "1"}, {"name": "b"}],
        "words": ["10m", "a b", "on"],
        "text": "one\n  two\n",
        "quotes": 'x{a="b"}',
    }
    assert to_yaml([document]) == (
        "kind: X\n"
        "empty: {}\n"
        "list:\n"
        "- name: a\n"
        '  value: "1"\n'
        "- name: b\n"
        "words:\n"
        "- 10m\n"
        "- a b\n"
        '- "on"\n'
        "text: |\n"
        "  one\n"
        "    two\n"
        'quotes: x{a="b"}\n'
    )


def test_a_null_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError, match="None"):
        to_yaml([{"kind": None}])
