from __future__ import annotations

import pytest

from headrace.errors import InvalidBundle
from headrace.serving.features import feature_function, request_columns
from headrace.serving.signature import Column, Output, Signature


def signature(**metadata: str) -> Signature:
    output = Output("late", "number")
    return Signature("a", "1", "onnx", "model.onnx", (Column("b", "number"),), output, metadata)


def test_what_requests_carry_is_read() -> None:
    text = '[{"name": "at", "type": "string", "nullable": true}]'
    assert request_columns(signature(request=text)) == (Column("at", "string", nullable=True),)


@pytest.mark.parametrize("text", ["", "[", "5", "[5]", '[{"name": "at"}]'])
def test_metadata_that_does_not_say_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidBundle, match="does not say what requests carry"):
        request_columns(signature(request=text))


def test_a_function_is_imported() -> None:
    assert feature_function(signature(features="json:dumps")).__name__ == "dumps"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "names no function"),
        ("json", "names no function"),
        ("json:__doc__", "names no function"),
        ("nowhere.at:all", "cannot be imported here"),
        ("json:nothing", "cannot be imported here"),
    ],
)
def test_a_function_that_is_none_is_refused(path: str, says: str) -> None:
    with pytest.raises(InvalidBundle, match=says):
        feature_function(signature(features=path))
