"""Naming another version in a document that a person wrote."""

from __future__ import annotations

import pytest
import yaml

from headrace.api.editing import name_version
from headrace.errors import InvalidRollout

NEW = {"version": "8", "uri": "file:///b/8", "digest": "sha256:ab"}

BLOCK = """# ours
spec:
  model:   # what is live
    name: churn
    version: "7"
    uri: file:///b/7
    handler: ours.Model
  # how it gets there
  strategy: {canary: {}}
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BLOCK, id="a block"),
        pytest.param("spec:\n  model: {name: churn, handler: ours.Model}\n  x: 1", id="a flow"),
        pytest.param("spec:\n  model:\n    name: churn\n    handler: ours.Model", id="at the end"),
    ],
)
def test_the_version_changes_and_the_rest_stays(text: str) -> None:
    changed = name_version(text, NEW)
    before, after = yaml.safe_load(text)["spec"], yaml.safe_load(changed)["spec"]
    assert after.pop("model") == {"name": "churn", "handler": "ours.Model", **NEW}
    before.pop("model")
    assert after == before


def test_comments_stay() -> None:
    changed = name_version(BLOCK, NEW)
    assert changed.startswith("# ours\n")
    assert "  # how it gets there\n" in changed
    assert name_version(changed, NEW) == changed


@pytest.mark.parametrize("text", ["", "spec: {}", "a: [", "spec: {model: 3}", "- 1"])
def test_a_text_without_a_model_is_refused(text: str) -> None:
    with pytest.raises(InvalidRollout):
        name_version(text, NEW)
