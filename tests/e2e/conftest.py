"""A cluster with all that Headrace works with, and rollouts of small models in it.

`make e2e` gives it: `KUBECONFIG`, the addresses of gateway, Prometheus and registry, and in
`HEADRACE_MODELS` a folder that the node has as a volume.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from headrace.errors import SetupError
from tests.e2e.cluster import kubectl, story
from tests.e2e.live import NAMESPACE, Live
from tests.e2e.models import bundles, write_requests

HOST = "churn.example.com"


def given(name: str) -> str:
    """Give what `make e2e` says of its cluster.

    Raises:
        SetupError: There is none.
    """
    if name not in os.environ:
        raise SetupError("These tests need a cluster of their own. Run `make e2e`.")
    return os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a failure explained by the cluster as it is then."""
    report = yield
    if report.failed and call.when == "call":
        report.sections.append(("the cluster", story()))
    return report


@pytest.fixture(scope="session")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make the bundles in the folder that the node has, too; give their digests by version."""
    shared = Path(given("HEADRACE_MODELS"))
    made = bundles(shared, tmp_path_factory.mktemp("models"))
    write_requests(shared / "requests.jsonl")
    return made


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


def _copy_requests(folder: Path) -> None:
    shutil.copy(Path(given("HEADRACE_MODELS")) / "requests.jsonl", folder)
