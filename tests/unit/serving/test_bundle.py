from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import Conflict, DigestMismatch, InvalidBundle
from headrace.serving.bundle import (
    Bundle,
    Column,
    Output,
    Reference,
    Signature,
    digest,
    read_bundle,
    write_bundle,
)
from headrace.serving.reference import Histogram


@pytest.fixture
def written(tmp_path: Path, bundle: Bundle) -> Path:
    path = tmp_path / "models" / "2"
    write_bundle(
        path, bundle.signature, bundle.model, bundle.reference, bundle.examples, bundle.card
    )
    return path


def edit(path: Path, change: dict[str, Any]) -> None:
    document = json.loads(path.read_text())
    document.update(change)
    path.write_text(json.dumps(document))


def test_what_is_written_is_read_back(written: Path, bundle: Bundle) -> None:
    found = read_bundle(written, digest(written))
    assert found == dataclasses.replace(bundle, digest=digest(written))


def test_writing_gives_the_digest_of_what_is_on_disk(tmp_path: Path, bundle: Bundle) -> None:
    found = write_bundle(
        tmp_path / "b",
        bundle.signature,
        bundle.model,
        bundle.reference,
        [{"distance": 1, "carrier": "é\u2028\x85"}],
        "# Modèle",
    )
    assert found == digest(tmp_path / "b")
    assert read_bundle(tmp_path / "b").examples == ({"distance": 1, "carrier": "é\u2028\x85"},)


def test_only_the_bundle_is_left_beside_it(written: Path) -> None:
    assert [entry.name for entry in written.parent.iterdir()] == [written.name]


def test_a_bundle_is_never_overwritten(written: Path, bundle: Bundle) -> None:
    before = digest(written)
    with pytest.raises(Conflict, match="a bundle is never changed"):
        write_bundle(
            written, bundle.signature, b"new", bundle.reference, bundle.examples, bundle.card
        )
    assert digest(written) == before
    assert [entry.name for entry in written.parent.iterdir()] == [written.name]


@pytest.mark.parametrize(
    ("examples", "card", "problem"),
    [
        ([], "# card", "examples.jsonl: is missing or empty"),
        ([{"distance": float("nan")}], "# card", "finite numbers"),
        ([{"distance": True}], "# card", "examples.jsonl line 1: is no example"),
        ([{"distance": 1}], "", "README.md: is missing or empty"),
    ],
    ids=["no examples", "an example with NaN", "an example with a boolean", "no card"],
)
def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, bundle: Bundle, examples: Any, card: str, problem: str
) -> None:
    with pytest.raises(InvalidBundle, match=problem):
        write_bundle(tmp_path / "b", bundle.signature, b"model", bundle.reference, examples, card)
    assert list(tmp_path.iterdir()) == []


def test_a_changed_byte_is_a_mismatch_and_nothing_is_parsed(written: Path) -> None:
    registered = digest(written)
    (written / "model.json").write_text("{ no JSON")
    with pytest.raises(DigestMismatch, match="package it again") as caught:
        read_bundle(written, registered)
    assert caught.value.expected == registered
    assert caught.value.found == digest(written)


def test_an_added_file_is_a_mismatch(written: Path) -> None:
    registered = digest(written)
    (written / "extra.py").write_text("")
    with pytest.raises(DigestMismatch):
        read_bundle(written, registered)


def test_a_digest_that_is_none_is_refused(written: Path) -> None:
    with pytest.raises(InvalidBundle, match="64 hexadecimal digits"):
        read_bundle(written, "latest")


def test_every_fault_is_in_one_error(written: Path) -> None:
    edit(
        written / "model.json",
        {
            "format": "headrace.dev/bundle/v9",
            "version": "",
            "runtime": "pickle",
            "inputs": [
                {"name": "distance", "type": "number"},
                {"name": "distance", "type": "float"},
            ],
            "output": {"name": "late", "kind": "probability", "threshold": 1.5},
            "colour": "blue",
        },
    )
    (written / "reference.json").write_text("[]")
    (written / "examples.jsonl").write_text('{"distance": 1}\n[1, 2]\n')
    (written / "model.skops").write_bytes(b"x")
    with pytest.raises(InvalidBundle) as caught:
        read_bundle(written)
    text = str(caught.value)
    for problem in [
        "cannot be served: 10 faults",
        "model.json format: is 'headrace.dev/bundle/v9'; expected \"headrace.dev/bundle/v1\"",
        "model.json 'colour': is an unknown field",
        "model.json version: is ''",
        'model.json runtime: is \'pickle\'; expected "onnx" or "skops"',
        "model.json inputs[1].type: is 'float'",
        "model.json inputs[1].name: is 'distance'; expected a name that no other input has",
        "model.json output.threshold: is 1.5",
        "reference.json: is a list of 0; expected a JSON object",
        "examples.jsonl line 2: is no example",
        "model.onnx and model.skops: are both there",
    ]:
        assert problem in text


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("model.json", b"", "model.json: is missing or empty"),
        ("model.json", b"null", "model.json: is null"),
        ("model.json", b"\xff", "model.json: is no UTF-8 text"),
        ("model.json", b"[" * 100_000, "model.json: is no JSON"),
        ("reference.json", b"{}", "reference.json features: is null; expected an object"),
        ("model.onnx", b"", "model.onnx: is missing or empty"),
        ("examples.jsonl", b"{}\n" * 1001, "examples.jsonl: has 1001 lines"),
    ],
    ids=["empty", "null", "no text", "nested deep", "no fields", "no model", "many examples"],
)
def test_a_broken_file_is_named(written: Path, file: str, content: bytes, problem: str) -> None:
    (written / file).write_bytes(content)
    with pytest.raises(InvalidBundle, match=problem.replace("[", r"\[")):
        read_bundle(written)


def test_a_missing_file_is_named(written: Path) -> None:
    (written / "README.md").unlink()
    with pytest.raises(InvalidBundle, match=r"README\.md: is missing or empty"):
        read_bundle(written)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "modèle"}, "plain ASCII"),
        ({"name": "a\nb"}, "printable"),
        ({"file": "../model.onnx"}, 'expected "model.onnx" for this runtime'),
        ({"inputs": []}, "a list of 1 to"),
        ({"inputs": [1]}, r"inputs\[0\]: is 1"),
        ({"inputs": [{"name": "a", "type": "number", "nullable": 1}]}, "true or false"),
        ({"output": None}, "output: is missing"),
        ({"output": {"name": "x", "kind": "probability"}}, "threshold: is missing"),
        ({"output": {"name": "x", "kind": "label", "threshold": 0.5}}, "null for an output"),
        ({"output": {"name": "x", "kind": "number", "tensor": 3}}, "tensor: is 3"),
        ({"output": {"name": "x", "kind": "number", "tolerance": -1}}, "tolerance: is -1"),
        ({"output": {"name": "x", "kind": "label", "tolerance": 1}}, "tolerance: is 1"),
        ({"metadata": {"rows": 3}}, "metadata.rows: is 3; expected a text"),
        ({"metadata": []}, "an object of texts"),
        ({"version": 10**400}, "an integer of more than 64 bits"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_fault_of_the_signature_is_named(
    written: Path, change: dict[str, Any], problem: str
) -> None:
    edit(written / "model.json", change)
    with pytest.raises(InvalidBundle, match=problem):
        read_bundle(written)


def test_a_reference_that_does_not_fit_the_signature_is_refused(
    tmp_path: Path, signature: Signature, reference: Reference, bundle: Bundle
) -> None:
    features = {"altitude": Histogram((1.0,), (1, 1)), "carrier": Histogram((1.0,), (1, 1))}
    labels = dataclasses.replace(signature, output=Output("late", "label"))
    with pytest.raises(InvalidBundle) as caught:
        write_bundle(
            tmp_path / "b",
            labels,
            b"model",
            Reference(features, reference.prediction),
            bundle.examples,
            "# card",
        )
    text = str(caught.value)
    assert "features.altitude: is no input of the model" in text
    assert "features.carrier: describes a number, but the input is a string" in text
    assert "prediction: does not fit an output of kind label" in text


def test_a_column_is_not_nullable_by_default() -> None:
    assert not Column("a", "number").nullable
