"""Nodes as text: what Helm reads as an expression, and what it must not."""

from __future__ import annotations

import pytest

from headrace.render.helm.nodes import (
    ABSENT,
    Choice,
    Condition,
    Expression,
    Node,
    Number,
    Spread,
    Whole,
    text,
)
from headrace.render.helm.template import template_of

ASKED, INNER = Condition(".Values.asked"), Condition("gt .Values.n 0")
X = Expression(".Values.x")
NAME = Expression('include "name" .')

CASES: dict[str, tuple[Node, str]] = {
    "a text of one expression is quoted by Helm": ({"a": text([X])}, "a: {{ .Values.x | quote }}"),
    "a text around expressions": (
        {"a": text(["100%-", X, "/", NAME])},
        'a: {{ printf "100%%-%v/%v" .Values.x (include "name" .) | quote }}',
    ),
    "a number": ({"a": Number(Expression("int .Values.x"))}, "a: {{ int .Values.x }}"),
    "braces that are the manifest's own": (
        {"a": "by {{version}}"},
        'a: by {{ "{{" }}version}}',
    ),
    "a literal that looks like a number": ({"a": "7", "b": 7}, 'a: "7"\nb: 7'),
    "a whole from the values": (
        {"a": {"b": Whole(X)}},
        "a:\n  {{- with .Values.x }}\n  b:\n    {{- toYaml . | nindent 4 }}\n  {{- end }}",
    ),
    "entries from the values among one's own": (
        {"a": {"b": 1, Spread(X): True}},
        "a:\n  b: 1\n  {{- with .Values.x }}\n  {{- toYaml . | nindent 2 }}\n  {{- end }}",
    ),
    "a key that may be absent": (
        {"a": {"b": Choice(ASKED, 1, ABSENT), "c": 2}},
        "a:\n  {{- if .Values.asked }}\n  b: 1\n  {{- end }}\n  c: 2",
    ),
    "a key that is there without": (
        {"a": Choice(ASKED, ABSENT, 1), "b": Choice(INNER, ABSENT, 2)},
        """\
{{- if not .Values.asked }}
a: 1
{{- end }}
{{- if not (gt .Values.n 0) }}
b: 2
{{- end }}""",
    ),
    "guards in guards": (
        {"a": [Choice(ASKED, Choice(INNER, "x", ABSENT), ABSENT)]},
        "a:\n{{- if and .Values.asked (gt .Values.n 0) }}\n- x\n{{- end }}",
    ),
    "one of three": (
        {"a": Choice(ASKED, 1, Choice(INNER, 2, 3))},
        """\
{{- if .Values.asked }}
a: 1
{{- else if gt .Values.n 0 }}
a: 2
{{- else }}
a: 3
{{- end }}""",
    ),
    "an entry that begins with a choice": (
        {"a": [{"b": Choice(ASKED, 1, ABSENT), "c": 2}]},
        "a:\n-\n  {{- if .Values.asked }}\n  b: 1\n  {{- end }}\n  c: 2",
    ),
    "a text of several lines": (
        {"a": text(["x: ", X, "\n\n{{y}}\n"])},
        'a: |\n  x: {{ .Values.x }}\n\n  {{ "{{" }}y}}',
    ),
    "nothing in it": ({"a": {}, "b": []}, "a: {}\nb: []"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_node_is_written(case: tuple[Node, str]) -> None:
    node, wanted = case
    assert template_of([node]) == f"---\n{wanted}\n"


def test_a_manifest_that_may_be_absent_takes_its_separator_with_it() -> None:
    written = template_of([{"a": 1}, Choice(ASKED, {"b": 2}, ABSENT)])
    assert written == "---\na: 1\n{{- if .Values.asked }}\n---\nb: 2\n{{- end }}\n"
