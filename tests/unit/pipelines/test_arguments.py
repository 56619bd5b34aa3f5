from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.errors import InvalidInput
from headrace.pipelines.arguments import read_arguments
from headrace.pipelines.cron import next_times

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TYPES = {
    "text": "STRING",
    "count": "NUMBER_INTEGER",
    "share": "NUMBER_DOUBLE",
    "flag": "BOOLEAN",
    "names": "LIST",
    "options": "STRUCT",
}


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    parameters = {name: {"parameterType": kind, "isOptional": True} for name, kind in TYPES.items()}
    parameters["release"] = {"parameterType": "STRING", "description": "The version's name."}
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"root": {"inputDefinitions": {"parameters": parameters}}}))
    return path


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("text=a=b", "a=b"),
        ("text=", ""),
        ("text=7", "7"),
        ("count=-7", -7),
        ("share=1e-3", 0.001),
        ("flag=true", True),
        ('names=["a", 1]', ["a", 1]),
        ('options={"a": {"b": null}}', {"a": {"b": None}}),
    ],
)
def test_an_argument_is_what_its_parameter_is(compiled: Path, given: str, value: Any) -> None:
    arguments = read_arguments(compiled, [given, "release=1"])
    assert arguments == {given.partition("=")[0]: value, "release": "1"}


@pytest.mark.parametrize(
    "given",
    [
        "count=1.5",
        "count=",
        "share=nan",
        "share=inf",
        "share=x",
        "flag=yes",
        "names={}",
        "options=[",
    ],
)
def test_another_type_is_refused_with_what_is_expected(compiled: Path, given: str) -> None:
    with pytest.raises(InvalidInput, match=r"is '.*'; expected"):
        read_arguments(compiled, [given, "release=1"])


def test_all_mistakes_are_told_at_once(compiled: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_arguments(compiled, ["count", "more=1", "text=a", "text=b"])
    said = str(caught.value)
    assert "'count' is no argument" in said
    assert "more is no parameter; expected one of count, flag" in said
    assert "text is given twice" in said
    assert "release is missing: The version's name." in said


def test_a_file_has_the_values_that_nobody_types(compiled: Path, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("release: '1'\ncount: 3\nshare: 1\nnames: [a]\noptions: {a: 1}\ntext: kept\n")
    arguments = read_arguments(compiled, ["release=2", "count=4"], file)
    assert arguments == {
        "release": "2", "count": 4, "share": 1.0, "names": ["a"], "options": {"a": 1},
        "text": "kept",
    }  # fmt: skip
    assert isinstance(arguments["share"], float)


def test_a_text_may_come_from_a_file(compiled: Path, tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("SELECT 1\n")
    (tmp_path / "names.json").write_text('["a"]')
    given = [f"text=@{tmp_path / 'query.sql'}", f"names=@{tmp_path / 'names.json'}", "release=1"]
    arguments = read_arguments(compiled, given)
    assert (arguments["text"], arguments["names"]) == ("SELECT 1\n", ["a"])
    with pytest.raises(InvalidInput, match=r"text is to be read from .*No such file"):
        read_arguments(compiled, [f"text=@{tmp_path / 'nothing'}", "release=1"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("more: 1", "more in .* is no parameter"),
        ("count: true", "count in .* is True; expected a whole number"),
        ("share: .nan", "share in .* is nan; expected a number"),
        ("text: 3", "text in .* is 3; expected a text"),
        ("names: {}", "names in .* expected a list"),
        ("[1]", "has no parameters"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_file_of_something_else_is_refused(
    compiled: Path, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_arguments(compiled, ["release=1"], file)


@pytest.mark.parametrize("text", ["", "[1]", "root: 3", "a: [", "\x00", "root: {}"])
def test_what_is_no_pipeline_is_refused_or_has_no_parameters(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    if text == "root: {}":
        assert read_arguments(path, []) == {}
        return
    with pytest.raises(InvalidInput, match="is no compiled pipeline"):
        read_arguments(path, [])


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 0 6 * * *", datetime(2026, 11, 22, 6, tzinfo=UTC)),
        ("*/30 * * * * *", datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)),
        ("0 30 6 ? * MON", datetime(2026, 11, 23, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_schedule_has_its_seconds_first(expression: str, first: datetime) -> None:
    assert next_times(expression, NOW)[0] == first


@pytest.mark.parametrize(
    "expression",
    ["", "0 6 * * *", "0 0 6 * * * 2026", "0 0 25 * * *", "a b c d e f", "0 0 0 31 2 *"],
)
def test_what_is_no_schedule_is_refused_with_an_example(expression: str) -> None:
    with pytest.raises(InvalidInput, match="expected six fields"):
        next_times(expression, NOW)
