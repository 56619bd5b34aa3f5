"""The CRD is what the models say, and what Kubernetes can take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from headrace.api import ModelRollout, RolloutSpec
from headrace.api import check as checks
from headrace.render.crd import definition, definition_yaml
from headrace.render.crd.__main__ import HEADER
from headrace.render.crd.rules import FIELD_RULES, OBJECT_RULES
from headrace.render.crd.structural import LIST_KEYS, Structural

FILE = Path(__file__).parents[4] / "manifests" / "crd" / "modelrollouts.yaml"
Schema = dict[str, Any]
OPAQUE = {"above", "margin", "state", "*"}
"""Values of several types, a test's state, and the users' own manifests."""


def schema() -> Schema:
    (version,) = definition()["spec"]["versions"]
    whole: Schema = version["schema"]["openAPIV3Schema"]
    return whole


def walk(node: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    yield path, node
    for name, part in node.get("properties", {}).items():
        yield from walk(part, (*path, name))
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from walk(node[key], (*path, "*"))


def test_the_file_is_what_make_golden_writes() -> None:
    assert FILE.read_text(encoding="utf-8") == HEADER + definition_yaml(), "run `make golden`"


def test_the_file_has_no_anchors_and_no_nulls_and_reads_back() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert yaml.safe_load(text) == definition()
    tokens = list(yaml.scan(text))
    assert not [t for t in tokens if isinstance(t, yaml.AnchorToken | yaml.AliasToken)]
    assert "null" not in [t.value for t in tokens if isinstance(t, yaml.ScalarToken) and t.plain]


def test_every_field_has_a_description() -> None:
    bare = [
        ".".join(path)
        for path, node in walk(schema())
        if "description" not in node and path and path[-1] != "*" and path != ("metadata",)
    ]
    assert bare == []


def test_every_value_has_one_type_or_is_known_to_be_opaque() -> None:
    for path, node in walk(schema()):
        if "x-kubernetes-int-or-string" in node:
            assert path[-2] in {"requests", "limits"}
        elif "x-kubernetes-preserve-unknown-fields" in node:
            assert path[-1] in OPAQUE, path
            whole = path[-1] == "state" or path[-2:] == ("patches", "*")
            assert node.get("type") == ("object" if whole else None), path
        else:
            assert node["type"] in {"object", "array", "string", "integer", "number", "boolean"}


def test_nothing_refers_to_something_else() -> None:
    text = definition_yaml()
    assert "$ref" not in text
    assert "additionalProperties: false" not in text


def test_the_status_is_never_refused_and_has_no_defaults() -> None:
    refusing = {"minimum", "maximum", "pattern", "default", "x-kubernetes-validations", "minLength"}
    found = [path for path, node in walk(schema()["properties"]["status"]) if refusing & set(node)]
    assert found == []


def test_a_status_has_one_owner_but_for_its_conditions() -> None:
    """Else the record of who has which field is most of what the API server keeps of it."""
    shared = [
        path
        for path, node in walk(schema()["properties"]["status"])
        if node.get("type") in ("object", "array")
        and "atomic" not in (node.get("x-kubernetes-map-type"), node.get("x-kubernetes-list-type"))
    ]
    assert shared == [(), ("conditions",)]


def test_a_spec_has_owners_field_by_field() -> None:
    spec = schema()["properties"]["spec"]
    assert not [path for path, node in walk(spec) if "x-kubernetes-map-type" in node]


def test_fields_have_the_models_order() -> None:
    spec = schema()["properties"]["spec"]["properties"]
    assert list(spec) == [f.alias or n for n, f in RolloutSpec.model_fields.items()]


def fields_of(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        yield from inside(field.annotation)


def inside(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from parts(annotation)
    for argument in getattr(annotation, "__args__", ()):
        yield from inside(argument)


def test_rules_and_lists_name_fields_that_exist() -> None:
    known = {part.__name__: fields_of(part) for part in parts(ModelRollout)}
    assert set(OBJECT_RULES) <= set(known)
    for owner, field in (*FIELD_RULES, *LIST_KEYS):
        assert field in known[owner], (owner, field)


def rules() -> list[tuple[str, dict[str, str]]]:
    return [
        (".".join(path), rule)
        for path, node in walk(schema())
        for rule in node.get("x-kubernetes-validations", ())
    ]


def test_every_rule_says_what_to_write_instead() -> None:
    found = rules()
    assert len(found) > 30
    for path, rule in found:
        assert any(word in rule["message"] for word in ("write", "leave", "has")), (path, rule)
        assert len(rule["message"]) < 300
        assert not rule["message"].endswith(".")


def test_every_subject_of_a_check_has_its_rules() -> None:
    said = " ".join(rule.get("messageExpression", "") for _, rule in rules())
    assert all(said.count(f"'{subject}': ") == 2 for subject in checks.SHAPES)


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("analysis", None),
        ("analysis.interval", "15s"),
        ("analysis.risk", {}),
        ("analysis.risk.falseRollback", 0.01),
        ("strategy.bandit.stop", {"expectedLoss": 0.001}),
        ("strategy.canary", None),
        ("strategy.blueGreen.keepPrevious", "1h"),
        ("routing", {}),
        ("routing.provider", "GatewayAPI"),
        ("challengers", None),
    ],
)
def test_defaults_are_those_of_the_models(path: str, default: object) -> None:
    known = {".".join(place): node for place, node in walk(schema()["properties"]["spec"])}
    assert known[path].get("default") == default


def test_what_rules_compare_is_bounded() -> None:
    spec = schema()["properties"]["spec"]
    for path, node in walk(spec):
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if node.get("type") == "string":
            assert {"maxLength", "enum"} & set(node), path


def test_a_text_of_several_forms_stays_a_text() -> None:
    name = {"type": "string", "maxLength": 53, "pattern": "^[a-z]+$"}
    either = {"anyOf": [name, {"type": "string", "const": ""}], "default": ""}
    assert Structural({}).of(either) == {
        "type": "string",
        "maxLength": 53,
        "anyOf": [{"maxLength": 53, "pattern": "^[a-z]+$"}, {"enum": [""]}],
    }
