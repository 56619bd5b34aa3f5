"""A packaged model on disk: `write_bundle` makes one, `read_bundle` checks and reads one.

The files of a bundle::

    model.onnx or model.skops   the model
    model.json                  its signature
    reference.json              how its features and predictions were distributed in training
    examples.jsonl              requests that it must be able to answer, one object a line
    README.md                   the model card

Other files may be there and count for the digest. This module does not run models.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import Conflict, DigestMismatch, Fault, InvalidBundle, PlatformUnavailable
from headrace.serving.digest import contents, digest, digest_of, is_digest
from headrace.serving.reference import Categories, Reference, parse_reference
from headrace.serving.signature import (
    MODEL_FILES,
    Column,
    Output,
    Signature,
    parse_signature,
    shown,
)

__all__ = [
    "Bundle",
    "Column",
    "Example",
    "Output",
    "Reference",
    "Signature",
    "digest",
    "read_bundle",
    "write_bundle",
]

MOST_EXAMPLES = 1000

Example = Mapping[str, float | str | None]
"""One row of a request: the value of each column."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose bytes were checked, and which was parsed from those bytes.

    Attributes:
        digest: Of the whole directory.
        signature: What the model takes and gives.
        model: The bytes of the model's file.
        reference: Distributions of the training data.
        examples: Requests that the model must be able to answer, 1 to `MOST_EXAMPLES`.
        card: The model card, in Markdown.
    """

    digest: str
    signature: Signature
    model: bytes
    reference: Reference
    examples: tuple[Example, ...]
    card: str


def read_bundle(path: str | os.PathLike[str], digest: str | None = None) -> Bundle:
    """Read a bundle after checking its digest.

    Args:
        path: The bundle's directory.
        digest: What was registered, `sha256:` and 64 hexadecimal digits; None skips the check.

    Raises:
        NotFound: There is no such directory.
        DigestMismatch: Its bytes are others than those registered; nothing was parsed.
        InvalidBundle: It cannot be served as it is; the text has every fault.
    """
    where = os.fspath(path)
    if digest is not None and not is_digest(digest):
        raise InvalidBundle(
            f"The digest {digest!r} for the bundle at {where} is none: "
            "expected sha256: and 64 hexadecimal digits in lower case."
        )
    files = contents(path)
    found = digest_of(files)
    if digest is not None and digest != found:
        raise DigestMismatch(where, digest, found)
    return _parse(files, where, found)


def write_bundle(
    path: str | os.PathLike[str],
    signature: Signature,
    model: bytes,
    reference: Reference,
    examples: Sequence[Example],
    card: str,
    extras: Mapping[str, bytes] | None = None,
) -> str:
    """Write a new bundle; it is there as a whole or not at all.

    Args:
        path: The directory to make. Its parents are made where they are missing.
        signature: What the model takes and gives.
        model: The bytes of the model's file.
        reference: Distributions of the training data.
        examples: Requests that the model must be able to answer, 1 to `MOST_EXAMPLES`.
        card: The model card, in Markdown.
        extras: Further files by name, which no server reads.

    Returns:
        The bundle's digest.

    Raises:
        InvalidBundle: What is given could not be read back; the text has every fault.
        Conflict: The directory is there already.
        PlatformUnavailable: The disk did not take it.
    """
    target = Path(path)
    files = {
        **(extras or {}),
        signature.file: model,
        "model.json": _json(signature.to_document()),
        "reference.json": _json(reference.to_document()),
        "examples.jsonl": b"".join(_json(dict(example), indent=None) for example in examples),
        "README.md": card.encode(),
    }
    # What could not be read back is never written.
    _parse(files, str(target), digest_of(files))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            beside.chmod(0o755)  # mkdtemp's 0700 would lock out the server's user
            for name, content in files.items():
                with (beside / name).open("xb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
            _move(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise PlatformUnavailable(f"The bundle cannot be written to {target}: {error}.") from error
    return digest_of(files)


def _move(source: Path, target: Path) -> None:
    # The rename alone would replace an empty directory.
    if target.exists() or target.is_symlink():
        raise Conflict(
            f"{target} is there already; a bundle is never changed. "
            "Write the new version to a directory of its own."
        )
    source.rename(target)


def _parse(files: Mapping[str, bytes], where: str, found: str) -> Bundle:
    faults: list[Fault] = []
    signature, reference = None, None
    document = _object(files, "model.json", faults)
    if document is not None:
        signature, problems = parse_signature(document)
        faults += [_within("model.json", fault) for fault in problems]
    document = _object(files, "reference.json", faults)
    if document is not None:
        reference, problems = parse_reference(document)
        faults += [_within("reference.json", fault) for fault in problems]
    if signature is not None and reference is not None:
        faults += [_within("reference.json", fault) for fault in _strays(signature, reference)]
    examples = _examples(files, faults)
    card = _text(files, "README.md", faults)
    if signature is not None and not files.get(signature.file):
        faults.append(Fault(signature.file, "is missing or empty", "the model"))
    models = sorted(set(files) & set(MODEL_FILES.values()))
    if len(models) > 1:
        faults.append(Fault(" and ".join(models), "are both there", "one model"))
    if faults or signature is None or reference is None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = [f"The bundle at {where} cannot be served: {count}", *map(str, faults)]
        raise InvalidBundle("\n  ".join(lines))
    return Bundle(found, signature, files[signature.file], reference, tuple(examples), card)


def _strays(signature: Signature, reference: Reference) -> list[Fault]:
    """Find distributions that no input and no output of the model can fill."""
    types = {column.name: column.type for column in signature.inputs}
    faults = []
    for name, distribution in reference.features.items():
        kind = "string" if isinstance(distribution, Categories) else "number"
        if name not in types:
            expected = "one of " + ", ".join(types)
            faults.append(Fault(f"features.{name}", "is no input of the model", expected))
        elif types[name] != kind:
            problem = f"describes a {kind}, but the input is a {types[name]}"
            faults.append(Fault(f"features.{name}", problem))
    labels = signature.output.kind == "label"
    if labels != isinstance(reference.prediction, Categories):
        expected = "categories" if labels else "bounds and counts"
        problem = f"does not fit an output of kind {signature.output.kind}"
        faults.append(Fault("prediction", problem, expected))
    return faults


def _examples(files: Mapping[str, bytes], faults: list[Fault]) -> list[Example]:
    # Not splitlines(), which also splits at characters that JSON allows within a string.
    lines = _text(files, "examples.jsonl", faults).rstrip("\n").split("\n")
    if len(lines) > MOST_EXAMPLES:
        expected = f"1 to {MOST_EXAMPLES}"
        faults.append(Fault("examples.jsonl", f"has {len(lines)} lines", expected))
        return []
    if lines == [""]:
        return []
    examples: list[Example] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict) and all(
            value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
            for value in row.values()
        ):
            examples.append(row)
        else:
            expected = "an object of numbers, texts and nulls"
            faults.append(Fault(f"examples.jsonl line {number}", "is no example", expected))
    return examples


def _object(files: Mapping[str, bytes], name: str, faults: list[Fault]) -> dict[str, object] | None:
    text = _text(files, name, faults)
    if not text:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        faults.append(Fault(name, f"is no JSON ({error})"))
        return None
    if not isinstance(document, dict):
        faults.append(Fault(name, f"is {shown(document)}", "a JSON object"))
        return None
    return document


def _text(files: Mapping[str, bytes], name: str, faults: list[Fault]) -> str:
    if not files.get(name):
        faults.append(Fault(name, "is missing or empty"))
        return ""
    try:
        return files[name].decode("utf-8")
    except UnicodeDecodeError as error:
        faults.append(Fault(name, f"is no UTF-8 text (byte {error.start})"))
        return ""


def _within(file: str, fault: Fault) -> Fault:
    return Fault(f"{file} {fault.path}", fault.problem, fault.expected, fault.example)


def _json(document: Mapping[str, object], indent: int | None = 2) -> bytes:
    try:
        text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidBundle(
            f"A bundle's documents hold texts, finite numbers and nulls only: {error}."
        ) from error
    return text.encode() + b"\n"
