from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import fsspec
import pytest

from headrace.errors import DigestMismatch, InvalidBundle, NotFound, SetupError
from headrace.runtime.local.bundles import BundleCache
from headrace.serving.bundle import Column, Output, Reference, Signature, read_bundle, write_bundle
from headrace.serving.copying import copy_files, relative_name
from headrace.serving.reference import Histogram

NUMBERS = Histogram((0.0, 1.0), (1, 2, 3))


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "bundle"
    column, output = Column("distance", "number"), Output("late", "probability", 0.5)
    signature = Signature("m", "1", "onnx", "model.onnx", (column,), output)
    reference = Reference({"distance": NUMBERS}, NUMBERS)
    return path, write_bundle(path, signature, b"model", reference, [{"distance": 1.0}], "card")


@pytest.fixture
def cache(tmp_path: Path) -> BundleCache:
    return BundleCache(tmp_path / "cache")


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def test_a_bundle_is_copied_and_outlives_its_original(
    bundle: tuple[Path, str], cache: BundleCache
) -> None:
    path, digest = bundle
    copy = cache.fetch(path.as_uri(), digest)
    assert copy != path
    shutil.rmtree(path)
    assert cache.fetch(path.as_uri(), digest) == copy
    assert read_bundle(copy, digest).model == b"model"
    assert [entry.name for entry in copy.parent.iterdir()] == [copy.name]


def test_a_bundle_comes_from_whatever_fsspec_reads(
    bundle: tuple[Path, str], cache: BundleCache, memory: fsspec.AbstractFileSystem
) -> None:
    path, digest = bundle
    memory.put(str(path), "/models/1", recursive=True)
    assert read_bundle(cache.fetch("memory://models/1", digest), digest).digest == digest


def test_a_bundle_with_another_digest_is_refused_and_not_kept(
    bundle: tuple[Path, str], cache: BundleCache, tmp_path: Path
) -> None:
    path, digest = bundle
    (path / "model.onnx").write_bytes(b"changed")
    with pytest.raises(DigestMismatch, match=f"The bundle at {path.as_uri()} has digest"):
        cache.fetch(path.as_uri(), digest)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_copy_that_was_changed_is_fetched_again(
    bundle: tuple[Path, str], cache: BundleCache
) -> None:
    path, digest = bundle
    copy = cache.fetch(path.as_uri(), digest)
    (copy / "model.onnx").write_bytes(b"changed")
    assert cache.fetch(path.as_uri(), digest) == copy
    assert read_bundle(copy, digest).model == b"model"


def test_a_bundle_of_the_right_bytes_that_cannot_be_served_names_its_address(
    bundle: tuple[Path, str], cache: BundleCache
) -> None:
    path, _ = bundle
    (path / "model.json").write_text("{}")
    from headrace.serving.digest import digest

    with pytest.raises(InvalidBundle, match=f"The bundle at {path.as_uri()} cannot be served"):
        cache.fetch(path.as_uri(), digest(path))


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        pytest.param("file:///nowhere/at/all", NotFound, id="nothing is there"),
        pytest.param("memory://empty", NotFound, id="an empty place"),
        pytest.param("nonsense://a/b", InvalidBundle, id="no such storage"),
    ],
)
def test_an_address_without_a_bundle_is_refused(
    uri: str, error: type[Exception], cache: BundleCache
) -> None:
    with pytest.raises(error):
        cache.fetch(uri, "sha256:" + "0" * 64)


def test_a_storage_whose_package_is_missing_is_a_matter_of_setup(
    cache: BundleCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    with pytest.raises(SetupError, match=r"pip install 'fsspec\[gcs\]'"):
        cache.fetch("gcs://models/1", "sha256:" + "0" * 64)


@pytest.mark.parametrize(
    "name",
    ["models/1/../../etc/passwd", "models/1//etc/passwd", "models/10/a", "elsewhere/a", ".."],
)
def test_a_name_that_leads_out_of_the_bundle_is_refused(name: str) -> None:
    with pytest.raises(InvalidBundle, match="is no folder of a bundle"):
        relative_name("s3://models/1", "models/1", name)


def test_a_name_within_the_bundle_is_its_path() -> None:
    path = relative_name("s3://models/1", "models/1/", "models/1/a/b.txt")
    assert path == PurePosixPath("a/b.txt")


def test_too_many_files_are_not_even_read(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    for number in range(1001):
        memory.pipe(f"/many/{number}", b"")
    with pytest.raises(InvalidBundle, match="1001 files"):
        copy_files("memory://many", tmp_path)
    assert list(tmp_path.iterdir()) == []
