from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import DigestMismatch
from headrace.registry import CHALLENGER, Registry


@pytest.fixture
def evaluation(tmp_path: Path) -> dsl.Artifact:
    scores = {name: {"value": 0.7, "low": None, "high": None} for name in ("auc", "brier")}
    (tmp_path / "evaluation").write_text(json.dumps({"scores": scores}), encoding="utf-8")
    return dsl.Artifact(uri=str(tmp_path / "evaluation"))


def test_a_bundle_becomes_the_challenger_and_a_second_run_changes_nothing(
    component: Callable[..., Any], files: Files, evaluation: dsl.Artifact, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    for _ in range(2):
        found = component(
            bundle=dsl.Model(uri=str(files.bundle)),
            evaluation=evaluation,
            registry_uri=uri,
            digest=files.digest,
        )
        assert found == files.bundle.as_uri()
    challenger = Registry(uri).version_of("flight-delay", CHALLENGER)
    assert challenger is not None
    assert (challenger.version, challenger.digest) == ("1", files.digest)


def test_another_digest_fails_the_task_before_the_registry_is_touched(
    component: Callable[..., Any], files: Files, evaluation: dsl.Artifact, tmp_path: Path
) -> None:
    with pytest.raises(DigestMismatch):
        component(
            bundle=dsl.Model(uri=str(files.bundle)),
            evaluation=evaluation,
            registry_uri=f"sqlite:///{tmp_path / 'registry.db'}",
            digest="sha256:" + "0" * 64,
        )
    assert not (tmp_path / "registry.db").exists()
