from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    # OpenMP's threads spin while they wait, which takes ages where another process runs.
    with threadpool_limits(1):
        yield
