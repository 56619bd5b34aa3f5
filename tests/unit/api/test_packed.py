"""JSON that is kept as text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headrace.api import CheckStatus, Status
from headrace.api.packed import Packed

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), values))
def test_what_is_read_is_what_was_put_in(value: dict[str, Any]) -> None:
    packed = Packed(value)
    assert packed.opened() == value
    assert packed == value
    assert packed == Packed(packed)
    assert dict(packed) == value
    assert len(packed) == len(value)


def test_neither_the_order_of_fields_nor_the_way_a_number_is_written_makes_a_difference() -> None:
    one, other = Packed({"a": 1, "b": 2.0}), Packed({"b": 2, "a": 1.0})
    assert one == other
    assert hash(one) == hash(other)
    assert list(other) == ["a", "b"]
    assert one != Packed({"a": 1, "b": 3})


def test_whoever_changes_what_he_has_read_changes_nothing() -> None:
    packed = Packed({"harm": [0.5]})
    packed.opened()["harm"].append(1.0)
    assert packed == {"harm": [0.5]}
    assert hash(packed) == hash(Packed({"harm": [0.5]}))


def test_a_status_has_it_as_json_has_it() -> None:
    check = CheckStatus(name="errors", state=Packed({"harm": [0.5, 1.0]}))
    assert check.model_dump(mode="json")["state"] == {"harm": [0.5, 1.0]}
    status = Status(checks=[check])
    assert Status.model_validate_json(status.model_dump_json()) == status
    assert "state" not in CheckStatus(name="errors").model_dump(exclude_defaults=True)


@pytest.mark.parametrize(
    "state",
    [[1.0], "text", None, {"harm": 2**70}],
    ids=["a list", "a text", "nothing", "a number beyond JSON's"],
)
def test_anything_but_an_object_of_json_is_refused(state: object) -> None:
    with pytest.raises(ValidationError, match="state"):
        CheckStatus.model_validate({"name": "errors", "state": state})
