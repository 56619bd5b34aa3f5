from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidBundle, NotFound
from headrace.serving import digest as module
from headrace.serving.digest import contents, digest, digest_of, is_digest

NAMES = st.text(alphabet="abc/.", min_size=1, max_size=5)


def test_the_digest_of_these_files_never_changes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_bytes(b"two")
    (tmp_path / "sub" / "a.txt").write_bytes(b"one")
    (tmp_path / "empty").mkdir()
    # Each path and each content with its length in eight bytes before it, by path.
    spelled = (
        b"\0\0\0\0\0\0\0\x05b.txt\0\0\0\0\0\0\0\x03two"
        b"\0\0\0\0\0\0\0\x09sub/a.txt\0\0\0\0\0\0\0\x03one"
    )
    assert digest(tmp_path) == f"sha256:{hashlib.sha256(spelled).hexdigest()}"
    assert digest(tmp_path).startswith("sha256:563771039dd78c80")
    assert contents(tmp_path) == {"b.txt": b"two", "sub/a.txt": b"one"}


@given(
    st.dictionaries(NAMES, st.binary(max_size=4), max_size=4),
    st.dictionaries(NAMES, st.binary(max_size=4), max_size=4),
)
def test_two_bundles_have_the_same_digest_only_if_they_are_the_same(
    one: dict[str, bytes], two: dict[str, bytes]
) -> None:
    assert (digest_of(one) == digest_of(two)) == (one == two)


@given(st.dictionaries(NAMES, st.binary(max_size=4), min_size=2, max_size=5))
def test_the_order_of_the_files_does_not_matter(files: dict[str, bytes]) -> None:
    assert digest_of(files) == digest_of(dict(reversed(files.items())))
    assert is_digest(digest_of(files))


def test_a_directory_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no bundle at"):
        digest(tmp_path / "none")


def test_a_link_is_refused_even_to_a_file_within(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InvalidBundle, match="symbolic link"):
        digest(tmp_path)


def test_a_linked_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").symlink_to("/")
    with pytest.raises(InvalidBundle, match="symbolic link"):
        digest(tmp_path)


def test_a_named_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidBundle, match="special file"):
        digest(tmp_path)


def test_a_name_outside_of_ascii_is_refused(tmp_path: Path) -> None:
    (tmp_path / "é").write_bytes(b"")
    with pytest.raises(InvalidBundle, match="plain ASCII"):
        digest(tmp_path)


def test_a_bundle_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BUNDLE", 10)
    (tmp_path / "a").write_bytes(b"123456")
    assert digest(tmp_path).startswith("sha256:")
    (tmp_path / "b").write_bytes(b"123456")
    with pytest.raises(InvalidBundle, match="larger than 10 bytes"):
        digest(tmp_path)


def test_a_sparse_file_of_terabytes_is_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(10 * 1024**4)
    with pytest.raises(InvalidBundle, match="larger than"):
        digest(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 64, "a" * 64],
    ids=["empty", "no digits", "capitals", "too short", "another hash", "no prefix"],
)
def test_what_is_no_digest(text: str) -> None:
    assert not is_digest(text)
