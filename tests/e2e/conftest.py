"""A cluster with all that Headrace works with, and rollouts of small models in it.

`make e2e` gives it: `KUBECONFIG`, the addresses of gateway, Prometheus and registry, and in
`HEADRACE_MODELS` a folder that the node has as a volume.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.errors import SetupError
from headrace.registry import CHALLENGER, Registry
from tests.e2e.cluster import Deployed, kubectl
from tests.e2e.live import NAMESPACE, Live, champion_in, spec_of
from tests.e2e.models import BETTER, FIRST, NAME, bundles, write_requests

HOST = "churn.example.com"


def given(name: str) -> str:
    """Give what `make e2e` says of its cluster.

    Raises:
        SetupError: There is none.
    """
    if name not in os.environ:
        raise SetupError("These tests need a cluster of their own. Run `make e2e`.")
    return os.environ[name]


@pytest.fixture(scope="session")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make the bundles in the folder that the node has, too; give their digests by version."""
    shared = Path(given("HEADRACE_MODELS"))
    made = bundles(shared, tmp_path_factory.mktemp("models"))
    write_requests(shared / "requests.jsonl")
    return made


@pytest.fixture
def here(digests: dict[str, str], tmp_path: Path) -> Iterator[Deployed]:
    """Have stages of a rollout from version 1 to 2, which no controller looks after."""
    _copy_requests(tmp_path)
    steps = [
        {"mirror": 100, "hold": "1m"},
        {"weight": 20, "hold": "1m"},
        {"weight": 50, "hold": "1m"},
    ]
    for file, version in (("before.yaml", FIRST), ("rollout.yaml", BETTER)):
        spec = spec_of(version, digests[version], "by-hand.example.com", steps=steps)
        document = {
            "apiVersion": "headrace.dev/v1alpha1",
            "kind": "ModelRollout",
            "metadata": {"name": "by-hand", "namespace": NAMESPACE},
            "spec": spec,
        }
        (tmp_path / file).write_text(yaml.safe_dump(document), encoding="utf-8")
    deployed = Deployed(tmp_path, given("HEADRACE_GATEWAY"), "by-hand.example.com")
    yield deployed
    deployed.delete()


@pytest.fixture
def live(digests: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], Live]]:
    """Make rollouts that the controller looks after; they are gone after the test."""
    _copy_requests(tmp_path)
    made: list[Live] = []

    def make(name: str) -> Live:
        host = f"{name}.example.com"
        made.append(Live(name, host, tmp_path, given("HEADRACE_GATEWAY"), digests))
        return made[-1]

    yield make
    for each in made:
        kubectl("delete", "modelrollout", each.name, f"--namespace={NAMESPACE}", "--wait=false")


@pytest.fixture(scope="session")
def registry(digests: dict[str, str]) -> Callable[[], str]:
    """Register the good models in the real MLflow; give what says which one is the champion."""
    address = given("HEADRACE_REGISTRY_URL")
    known = Registry(address)
    for version in (FIRST, BETTER):
        bundle = Path(given("HEADRACE_MODELS")) / f"{NAME}-{version}"
        uri = f"pvc://models/{bundle.name}"
        none: dict[str, Any] = {}
        known.register(bundle, digests[version], none, none, none, uri)
        known.set_alias(NAME, CHALLENGER, version)
    return champion_in(address)


def _copy_requests(folder: Path) -> None:
    shutil.copy(Path(given("HEADRACE_MODELS")) / "requests.jsonl", folder)
