from __future__ import annotations

from pathlib import Path

import pytest

from headrace.errors import SetupError
from headrace.runtime.local.serving_environment import find_serving_environment


def environment(root: Path, *programs: str) -> Path:
    (root / "bin").mkdir(parents=True)
    for program in programs:
        (root / "bin" / program).touch(mode=0o755)
    return root


def test_the_environment_that_is_named_is_taken(tmp_path: Path) -> None:
    root = environment(tmp_path / "env", "python", "seldon-core-microservice")
    assert find_serving_environment({"HEADRACE_SERVING_ENV": str(root)}) == root


def test_an_environment_without_seldon_core_is_none(tmp_path: Path) -> None:
    root = environment(tmp_path / "env", "python")
    with pytest.raises(SetupError, match="make setup"):
        find_serving_environment({"HEADRACE_SERVING_ENV": str(root)})


def test_by_default_it_is_beside_the_toolkits_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = environment(tmp_path / ".venv-serving", "python", "seldon-core-microservice")
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".venv"))
    assert find_serving_environment({}) == root


def test_where_there_is_none_the_one_command_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path / "a" / ".venv"))
    monkeypatch.setattr("headrace.__file__", str(tmp_path / "b/operator/headrace/__init__.py"))
    with pytest.raises(SetupError, match="run `make setup`"):
        find_serving_environment({})
