from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import DigestMismatch, NotFound
from headrace.registry import Registry
from headrace.registry.challenger import register_challenger
from headrace.serving.bundle import digest


@pytest.fixture
def registered(files: Files, tmp_path: Path) -> tuple[str, Path]:
    """Give a registry with one version, the challenger, and where its bundle is."""
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    stored = tmp_path / "store" / "bundle"
    shutil.copytree(files.bundle, stored)
    register_challenger(uri, stored, stored.as_uri(), files.digest, {})
    return uri, stored


def test_a_version_is_brought_by_alias_or_name(
    component: Callable[..., Any], files: Files, registered: tuple[str, Path], tmp_path: Path
) -> None:
    uri, stored = registered
    Registry(uri).promote("flight-delay", "1")
    for version in ("champion", "1"):
        bundle = dsl.Model(uri=str(tmp_path / "fetched"))
        found = component(
            model_name="flight-delay", registry_uri=uri, bundle=bundle, version=version
        )
        assert found == "1"
        assert digest(Path(bundle.path)) == files.digest
        assert bundle.metadata["digest"] == files.digest
        assert bundle.metadata["source"] == stored.as_uri()


@pytest.mark.parametrize("version", ["champion", "9"])
def test_what_is_not_there_is_told(
    component: Callable[..., Any], registered: tuple[str, Path], tmp_path: Path, version: str
) -> None:
    bundle = dsl.Model(uri=str(tmp_path / "fetched"))
    with pytest.raises(NotFound, match=version):
        component(
            model_name="flight-delay", registry_uri=registered[0], bundle=bundle, version=version
        )
    assert not (tmp_path / "fetched").exists()


def test_changed_bytes_are_refused(
    component: Callable[..., Any], registered: tuple[str, Path], tmp_path: Path
) -> None:
    uri, stored = registered
    (stored / "README.md").write_text("another card")
    bundle = dsl.Model(uri=str(tmp_path / "fetched"))
    with pytest.raises(DigestMismatch):
        component(model_name="flight-delay", registry_uri=uri, bundle=bundle, version="challenger")
    assert not (tmp_path / "fetched").exists()
