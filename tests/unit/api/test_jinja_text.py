"""Templates: what they may say, where a fault is, and that none of them costs much."""

from __future__ import annotations

import contextlib
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api.jinja_text import NotTemplate, escaped, parse_template

NAMES = {"model": ("name", "version"), "rollout": ("name",)}
VALUES = {"model": {"name": "m", "version": "7"}, "rollout": {"name": "r"}}


def filled(text: str, *, statements: bool = True) -> str:
    template = parse_template(text, NAMES, longest=20_000, statements=statements)
    return template.filled(escaped(VALUES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ model.name }}-{{ model.version }}", "m-7"),
        ("{% if model.version == '7' %}a{% else %}b{% endif %}", "a"),
        ("{{ 'a' if model.version in ['8', '9'] else 'b' }}", "b"),
        ("{% for x in ['a', 'b'] %}{{ x }}{{ loop.index }}{% endfor %}", "a1b2"),
        ("{% for x in range(2, 5) if x is odd %}{{ x }}{% endfor %}", "3"),
        ("{{ 'v1.2' | replace('.', '-') | upper }}", "V1-2"),
        ("{{ 'a' ~ model.version }}", "a7"),
        ("{% raw %}{{ left }}{% endraw %}", "{{ left }}"),
        ("{# said to people #}\n", "\n"),
    ],
)
def test_a_template_is_filled_in(text: str, expected: str) -> None:
    assert filled(text) == expected


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("a\n  {{ modl.name }}", "says `modl`, which is not known", (2, 6)),
        ("{{ model.nmae }}", "says `model.nmae`, which is not known", (1, 10)),
        ("{{ model }}", "says `model` alone", (1, 4)),
        ("{{ model.__class__ }}", "says `model.__class__`", (1, 10)),
        ("{{ ''.__class__.__mro__ }}", "says `.__mro__`", (1, 17)),
        ("{{ model.name.upper }}", "says `.upper`", (1, 15)),
        ("{{ loop.index }}", "says `loop`", (1, 4)),
        ("{% for x in [1] %}{% endfor %}{{ x }}", "says `x`", (1, 34)),
        ("{{ model['name'] }}", "has an index", (1, 1)),
        ("{{ model.name.upper() }}", "has a call", (1, 1)),
        ("{{ 'a' * 9 }}", "has arithmetic", (1, 1)),
        ("\n{{ 10 ** 10 ** 10 }}", "has arithmetic", (2, 1)),
        ("{{ '%99d' % 1 }}", "has arithmetic", (1, 1)),
        ("{{ model.name | center(10) }}", "has a filter `center`", (1, 17)),
        ("{{ model.name is callable }}", "has a test `callable`", (1, 18)),
        ("{{ model.name | replace(**model) }}", "gives `replace` more", (1, 17)),
        ("x {% include 'x' %}", "has `{% include %}`", (1, 3)),
        ("{% import 'x' as x %}", "has `{% import %}`", (1, 1)),
        ("{% extends 'x' %}", "has `{% extends %}`", (1, 1)),
        ("{% macro f() %}{% endmacro %}", "has `{% macro %}`", (1, 1)),
        ("{% set x = 1 %}", "has `{% set %}`", (1, 1)),
        ("{% for x in model.name %}{% endfor %}", "has a loop over something else", (1, 1)),
        ("{% for x in [1] recursive %}{% endfor %}", "has a loop of another kind", (1, 1)),
        ("{% if %}{% endif %}", "is no template: Expected an expression", (1, 1)),
        ("a\nb {{ 'x", "is no template: unexpected char", (2, 3)),
        ("{% if model.version < 3 %}{% endif %}", "cannot be filled in: '<' not supported", (1, 1)),
        ("\n {{ model.name | int }}", "cannot be filled in: invalid literal", (2, 2)),
    ],
)
def test_a_fault_is_named_where_it_stands(text: str, problem: str, place: tuple[int, int]) -> None:
    with pytest.raises(NotTemplate) as caught:
        filled(text)
    assert str(caught.value).startswith(problem)
    assert (caught.value.line, caught.value.column) == place


def test_statements_are_refused_where_only_names_are_meant() -> None:
    for text in ("{% if 1 %}{% endif %}", "{% for x in [1] %}{% endfor %}"):
        with pytest.raises(NotTemplate, match=r"has a (condition|loop)") as caught:
            filled(text, statements=False)
        assert caught.value.expected == "names only, as `{{ model.name }}`"


def test_a_value_cannot_leave_its_quotes() -> None:
    template = parse_template('"{{ model.name }}"', NAMES, longest=99, statements=False)
    values = {"model": {"name": 'a", b: "\n\\', "version": ""}, "rollout": {"name": ""}}
    assert template.filled(escaped(values)) == '"a\\", b: \\"\\n\\\\"'


HOSTILE = {
    "a loop without end": "{% for i in range(10**9) %}{% endfor %}",
    "a long loop": f"{{% for i in range({10**9}) %}}{{% endfor %}}",
    "loops in loops": "{% for i in range(900) %}" * 4 + "x" + "{% endfor %}" * 4,
    "many loops in loops": "{% for i in [1,2] %}" * 25 + "{% endfor %}" * 25,
    "a long text, often": "{% for i in range(9000) %}" + "a" * 19_000 + "{% endfor %}",
    "a text that grows": "{{ '" + "a" * 9_000 + "' | replace('a', 'aaaa') }}",
    "a text that doubles": "{{ 'a'" + " | replace('a', 'aa')" * 900 + " }}",
    "a large number": "{{ 1" + "0" * 5_000 + " }}",
    "brackets": "{{ " + "(" * 9_000 + "1" + ")" * 9_000 + " }}",
    "negations": "{{ " + "not " * 4_000 + "1 }}",
    "alternatives": "{{ " + "1 or " * 3_900 + "1 }}",
    "attributes": "{{ model" + ".name" * 3_000 + " }}",
    "conditions in conditions": "{% if 1 %}" * 900 + "{% endif %}" * 900,
    "filters": "{{ 'a'" + " | upper" * 2_000 + " }}",
    "many names": "{{ model.name }}" * 900,
    "too long": "a" * 20_001,
    "tags that never end": "{% raw %}" * 2_000,
    "comments that never end": "{#" * 9_000,
    "strings that never end": "{{ '" * 4_000,
    "lists": "{{ " + "[" * 9_000 + "]" * 9_000 + " }}",
}


def attempted(text: str) -> None:
    with contextlib.suppress(NotTemplate):
        filled(text)


@pytest.mark.parametrize("what", HOSTILE)
def test_no_template_takes_long(what: str) -> None:
    began = time.process_time()
    attempted(HOSTILE[what])
    assert time.process_time() - began < 1


@pytest.mark.parametrize("what", ["a long text, often", "a text that grows", "a text that doubles"])
def test_no_template_takes_much_memory(what: str) -> None:
    tracemalloc.start()
    attempted(HOSTILE[what])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100e6


TAGS = st.sampled_from(
    [
        *("{{ ", " }}", "{% ", " %}", "{#", "#}", "for x in ", "endfor", "if ", "endif", "else"),
        *("range(", "[", "]", "(", ")", "'", "|", "~", ".", ",", "model", "name", "x", "9", "*"),
        *("__class__", "replace", "int", " is ", "odd", " in ", "set ", "=", "\n", "-", "not "),
    ]
)


@given(st.lists(TAGS, max_size=30).map("".join))
def test_any_text_is_filled_in_or_refused(text: str) -> None:
    with contextlib.suppress(NotTemplate):
        filled(text)
