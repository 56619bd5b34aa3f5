from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.serving.signature import Column as ModelColumn
from headrace.training.data.schema import Column, DataSchema
from headrace.training.data.schema_text import parse_schema, to_yaml

LATE = """
format: headrace.dev/data-schema/v1
task: binary
target: late
positive: 1
key: [flight, scheduled]
time: scheduled
group: flight
weight: seats
freshness: 7d
leastRows: 10
columns:
- {name: flight, type: integer, request: false}
- {name: carrier, type: category, categories: [UA, "NO", 9E]}
- {name: temp, type: number, low: -40, high: 130, nullable: 0.05, outside: 0.001}
- {name: scheduled, type: instant}
- {name: codeshare, type: boolean}
- {name: seats, type: integer, low: 1}
- {name: late, type: integer, categories: [0, 1]}
"""


def test_a_schema_says_what_a_request_carries() -> None:
    schema = parse_schema(LATE)
    assert schema.positive == "1"
    assert schema.freshness == 7 * 24 * 3600
    assert schema.answer.categories == ("0", "1")
    assert schema.request_columns == (
        ModelColumn("carrier", "string"),
        ModelColumn("temp", "number", nullable=True),
        ModelColumn("scheduled", "string"),
        ModelColumn("codeshare", "number"),
    )


def test_what_is_written_is_read_back_and_has_comments() -> None:
    schema = parse_schema(LATE)
    text = to_yaml(schema)
    assert parse_schema(text) == schema
    assert 'positive: "1"  # the label whose probability the model gives\n' in text
    assert '- {name: carrier, type: category, categories: [UA, "NO", "9E"]}\n' in text


names = st.text(min_size=1, max_size=12).filter(lambda t: t.isprintable() and t == t.strip())


@given(
    st.lists(names, min_size=2, max_size=6, unique=True),
    st.lists(st.text(), min_size=1, max_size=4, unique=True),
    st.floats(0, 1),
    st.floats(-1e30, 1e30),
)
def test_any_schema_survives_its_text(
    columns: list[str], categories: list[str], share: float, low: float
) -> None:
    first, *rest = columns
    schema = DataSchema(
        task="multiclass",
        target=first,
        columns=(
            Column(name=first, type="category", categories=tuple(categories)),
            *(Column(name=name, type="number", low=low, nullable=share) for name in rest),
        ),
    )
    assert parse_schema(to_yaml(schema)) == schema


@pytest.mark.parametrize("label", ["\x7f", "\x80", "a\x85b", "\u2028", "\ufffe", "\ufeff", "\0"])
def test_labels_that_cannot_be_printed_survive_their_text(label: str) -> None:
    columns = (
        Column(name="x", type="number"),
        Column(name="y", type="string", categories=(label,)),
    )
    schema = DataSchema(task="multiclass", target="y", columns=columns)
    assert parse_schema(to_yaml(schema)) == schema


def changed(**roles: Any) -> dict[str, Any]:
    columns = [{"name": "x", "type": "number"}, {"name": "y", "type": "category"}]
    return {"task": "multiclass", "target": "y", "columns": columns, **roles}


def column(**fields: Any) -> dict[str, Any]:
    return changed(
        columns=[{"name": "x", "type": "number", **fields}, {"name": "y", "type": "category"}]
    )


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param("[]", "is no single mapping", id="a list"),
        pytest.param("a: [", "line 2, column 1", id="no YAML"),
        pytest.param("task: x\ntask: y", "task", id="a key twice"),
        pytest.param(changed(format="v0"), "format: is 'v0'", id="another format"),
        pytest.param(changed(task="ranking"), "task: is 'ranking'", id="an unknown task"),
        pytest.param(changed(task="binary"), "positive: is missing", id="no positive label"),
        pytest.param(
            changed(positive="a"), "positive: is given for a multi", id="a needless label"
        ),
        pytest.param(changed(task="regression"), "'y' is of type category", id="text to regress"),
        pytest.param(
            changed(target="x"), "'x' is of type number; expected a", id="numbers as classes"
        ),
        pytest.param(
            changed(target="z"), "target: is 'z', which is no column", id="no such target"
        ),
        pytest.param(
            changed(time="x"), "time: 'x' is a number; expected an instant", id="no instant"
        ),
        pytest.param(changed(weight="y"), "target: 'y' has another role", id="two roles"),
        pytest.param(changed(freshness="1d"), "freshness: is given without time", id="no time"),
        pytest.param(changed(key=["k"]), "key[0]: is 'k', which is no column", id="no such key"),
        pytest.param(changed(colour=1), "colour: is no field", id="an unknown field"),
        pytest.param(changed(leastRows=0), "leastRows: is 0", id="no rows needed"),
        pytest.param(changed(columns=[]), "columns: is a list", id="no columns"),
        pytest.param(column(nullable=2), "columns[0].nullable: is 2", id="a share above one"),
        pytest.param(
            column(low=2, high=1), "columns[0].low: is 2, above high", id="an empty range"
        ),
        pytest.param(column(low=float("nan")), "columns[0].low: is nan", id="NaN as a bound"),
        pytest.param(column(type="text"), "columns[0].type: is 'text'", id="an unknown type"),
        pytest.param(
            column(type="string", low=1),
            "columns[0].low: is given for a string",
            id="a ranged text",
        ),
        pytest.param(
            column(categories=["a"]), "columns[0].categories: are given", id="listed numbers"
        ),
        pytest.param(
            column(type="category", categories=["a", "a"]),
            "one is there twice",
            id="a category twice",
        ),
        pytest.param(
            column(type="category", categories=[None]),
            "is None; expected a text",
            id="null as a category",
        ),
        pytest.param(column(name="y"), "columns[1].name: is 'y' again", id="a name twice"),
        pytest.param(column(name=" x"), "columns[0].name: is ' x'", id="a name with a blank"),
        pytest.param(column(request=False), "leave nothing for a request", id="nothing to ask"),
    ],
)
def test_what_is_wrong_is_named(document: str | dict[str, Any], says: str) -> None:
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    with pytest.raises(InvalidInput) as raised:
        parse_schema(text, "schema.yaml")
    assert str(raised.value).startswith("schema.yaml is no data schema: ")
    assert says in str(raised.value)


def test_every_fault_is_named_at_once() -> None:
    columns = [{"name": "x", "type": "number"}, {"name": "y", "type": "number"}]
    text = yaml.safe_dump({"task": "binary", "target": "y", "time": "x", "columns": columns})
    with pytest.raises(InvalidInput, match="3 faults"):
        parse_schema(text)


def test_an_unknown_column_is_named_with_those_that_are_there() -> None:
    with pytest.raises(InvalidInput, match="no column 'z'; expected one of: flight, carrier"):
        parse_schema(LATE).column("z")
