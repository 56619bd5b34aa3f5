from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.unit.metrics.servers import Prometheus


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    one = Prometheus()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.release.set()
    one.server.shutdown()
    thread.join()
    one.server.server_close()
