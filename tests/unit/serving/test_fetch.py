from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from headrace.errors import DigestMismatch, InvalidInput, NotFound, PlatformUnavailable
from headrace.serving.bundle import read_bundle, write_bundle
from headrace.serving.fetch import fetch, main
from headrace.serving.reference import Histogram, Reference
from headrace.serving.refusal import REFUSED
from headrace.serving.signature import Column, Output, Signature

NUMBERS = Histogram((0.0, 1.0), (1, 2, 3))


def make(path: Path, version: str = "1") -> str:
    column, output = Column("distance", "number"), Output("late", "probability", 0.5)
    signature = Signature("m", version, "onnx", "model.onnx", (column,), output)
    reference = Reference({"distance": NUMBERS}, NUMBERS)
    return write_bundle(path, signature, b"model", reference, [{"distance": 1.0}], "card")


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def test_a_bundle_comes_from_a_storage_and_is_whole(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    digest = make(tmp_path / "source")
    memory.put(str(tmp_path / "source"), "/models/1", recursive=True)
    fetch("memory://models/1", digest, tmp_path / "pod" / "model")
    assert read_bundle(tmp_path / "pod" / "model", digest).model == b"model"


def test_a_container_that_starts_again_needs_no_storage(tmp_path: Path) -> None:
    digest = make(tmp_path / "target")
    fetch("memory://nowhere", digest, tmp_path / "target")


def test_what_a_cut_off_copy_left_is_replaced(tmp_path: Path) -> None:
    digest = make(tmp_path / "source")
    make(tmp_path / "target", version="2")
    (tmp_path / "target" / "left").write_bytes(b"over")
    fetch((tmp_path / "source").as_uri(), digest, tmp_path / "target")
    assert read_bundle(tmp_path / "target", digest).digest == digest


def test_another_digest_is_refused_in_words_that_name_the_address(tmp_path: Path) -> None:
    make(tmp_path / "source")
    uri = (tmp_path / "source").as_uri()
    with pytest.raises(DigestMismatch, match=uri):
        fetch(uri, "sha256:" + "0" * 64, tmp_path / "target")


def test_what_is_no_digest_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no digest"):
        fetch("memory://nowhere", "sha256:1", tmp_path / "target")


def test_nothing_at_the_address_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        fetch((tmp_path / "nowhere").as_uri(), "sha256:" + "0" * 64, tmp_path / "target")


def test_a_folder_that_cannot_be_written_may_be_better_later(tmp_path: Path) -> None:
    digest = make(tmp_path / "source")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PlatformUnavailable, match="cannot be kept"):
        fetch((tmp_path / "source").as_uri(), digest, tmp_path / "file" / "target")


def test_the_program_says_what_is_final_and_what_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = make(tmp_path / "source")
    (tmp_path / "file").write_bytes(b"")
    uri, target = (tmp_path / "source").as_uri(), tmp_path / "target"
    main(["--digest", digest, "--target", str(target), "--", uri])
    assert read_bundle(target, digest).digest == digest
    with pytest.raises(SystemExit) as end:
        main(["--digest", "sha256:" + "0" * 64, "--target", str(target), "--", uri])
    assert end.value.code == REFUSED
    assert "headrace: refused: DigestMismatch" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["--digest", digest, "--target", str(tmp_path / "file" / "x"), "--", uri])
    assert end.value.code == 1
