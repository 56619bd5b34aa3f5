"""Any bytes in a file: commands read them or say what is wrong, soon, and nothing else happens."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.api import ModelRollout, ModelSpec
from headrace.api.documents import rollout_of
from headrace.api.yaml_text import read_documents
from headrace.errors import InvalidInput, InvalidRollout
from headrace.lint.linter import Options, lint
from headrace.lint.rollouts import read_rollouts
from headrace.lint.sources import read_sources
from headrace.render.rendering import render
from headrace.render.stages import stages
from headrace.render.yaml_text import to_yaml
from tests.unit.render.rollouts import TEMPLATES, built, rollouts

_many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_fewer = settings(_many, max_examples=100)

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
TEXTS = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/rollout.yaml"))]
NOISE = st.sampled_from(
    [
        *(b"\t", b"&a ", b"*a ", b"<<: ", b"!!python/object:x ", b"? ", b"---\n", b"\xff", b"\0"),
        *(b"{", b"}", b"[", b"]", b": ", b"- ", b"|", b">", b"'", b'"', b"#", b"%", b"{{ x }}"),
        *(b"null", b"~", b".nan", b"1e999", b"-1", b"0", b"9" * 5000, b"2026-01-01", b"\xc3"),
        *(b"\r\n", b"\xef\xbb\xbf", "\u2028".encode(), b"$patch: ", b"{% for x in [1] %}"),
    ]
)
TEXT = st.text(max_size=8) | st.sampled_from(["name", "kind", "Pod", "spec", "7", "10m", "{{ x }}"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw an example with some of its bytes replaced, cut out or said twice."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = at + draw(st.integers(0, 40))
        put = draw(NOISE | st.binary(max_size=6) | st.just(text[at:end] * 2))
        text = text[:at] + put + text[end if draw(st.booleans()) else at :]
    return text


def read(raw: bytes) -> list[ModelRollout]:
    """Lint a file and read it, as the commands do."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rollout.yaml"
        file.write_bytes(raw)
        began = time.process_time()
        report = lint(list(read_sources([str(file)])), Options())
        found: list[ModelRollout] = []
        with contextlib.suppress(InvalidInput):
            found = read_rollouts([str(file)])
        assert time.process_time() - began < 5
    for finding in report.findings:
        assert finding.line >= 1
        assert finding.column >= 1
        assert finding.problem
        finding.message.encode()
    # Whatever is refused has a finding, and whatever has an error is refused or unwise.
    if not found:
        assert report.findings or report.unread
    return found


@_many
@given(damaged() | st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_place(raw: bytes) -> None:
    for rollout in read(raw):
        everything(rollout)


@_many
@given(st.data())
def test_any_value_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    document = yaml.safe_load(data.draw(st.sampled_from(TEXTS)))
    here: Any = document
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys)) if keys else None
        if key is None:
            break
        if not isinstance(here[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            here[key] = data.draw(VALUES)
            break
        here = here[key]
    for rollout in read(yaml.safe_dump(document, allow_unicode=True).encode()):
        everything(rollout)


@_many
@given(st.sampled_from(["metadata", "spec"]), VALUES)
def test_any_patch_is_merged_or_refused(part: str, content: Any) -> None:
    document = built().model_dump(mode="json", exclude={"status"})
    patches = [{"kind": kind, part: content} for kind in ("Pod", "Deployment", "HTTPRoute")]
    document["spec"]["serving"]["template"] = {"patches": patches}
    (written,) = read_documents(yaml.safe_dump(document, allow_unicode=True))
    with contextlib.suppress(InvalidRollout):
        everything(rollout_of(written, "(text)"))


def everything(rollout: ModelRollout) -> None:
    """Render every stage; a manifest that cannot be made is an error with a sentence."""
    model = rollout.spec.model
    digest = "sha256:" + "0" * 64
    before = ModelSpec(name=model.name, version="before", uri="s3://before", digest=digest)
    with contextlib.suppress(InvalidRollout):
        for stage in stages(rollout, before):
            assert to_yaml(render(rollout, stage.plan)) == to_yaml(render(rollout, stage.plan))


@_fewer
@given(rollouts(), st.sampled_from([None, *TEMPLATES]))
def test_a_spec_survives_the_way_through_text(
    drawn: tuple[ModelRollout, ModelSpec], template: dict[str, Any] | None
) -> None:
    written = drawn[0].model_dump(mode="json", by_alias=True, exclude_none=True)
    written["spec"]["serving"]["template"] = template
    if template is None:
        del written["spec"]["serving"]["template"]
    rollout = ModelRollout.model_validate(written)
    again = rollout.model_dump(mode="json", by_alias=True, exclude_none=True)
    (document,) = read_documents(yaml.safe_dump(again, allow_unicode=True, sort_keys=False))
    assert rollout_of(document, "(text)") == rollout
    assert ModelRollout.model_validate_json(rollout.model_dump_json(by_alias=True)) == rollout
