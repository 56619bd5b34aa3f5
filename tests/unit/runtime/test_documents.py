from __future__ import annotations

from pathlib import Path

import pytest

from headrace.errors import Conflict, SetupError
from headrace.runtime.local.claim import Claim
from headrace.runtime.local.documents import publish


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder / "a.json"


def test_a_document_is_moved_in_only_when_it_differs(path: Path) -> None:
    assert publish(path, {"a": 1})
    first = path.stat().st_ino
    assert not publish(path, {"a": 1})
    assert path.stat().st_ino == first
    assert publish(path, {"a": 2})
    assert path.stat().st_ino != first
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_a_document_that_cannot_be_moved_in_leaves_nothing_behind(path: Path) -> None:
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"a\.json"):
        publish(path, {})
    assert [entry.name for entry in path.parent.parent.iterdir()] == ["watched"]


def test_a_folder_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    first = Claim(tmp_path / "run")
    with pytest.raises(Conflict, match="Another Headrace runs in"):
        Claim(tmp_path / "run")
    first.release()
    first.release()
    Claim(tmp_path / "run").release()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be used"):
        Claim(tmp_path / "file" / "run")
