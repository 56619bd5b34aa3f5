from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.runtime.local.prometheus import (
    PrometheusFiles,
    arguments,
    configuration,
    envoy_filter,
    targets_file,
)

FILES = PrometheusFiles(Path("/run/prometheus"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        pytest.param("cluster.models/m/1~5/live.upstream_rq_2xx", True, id="answers by class"),
        pytest.param("cluster.models/m/1/mirror.upstream_rq_5xx", True, id="those of copies"),
        pytest.param("cluster.models/m/1/live.upstream_rq_time", True, id="times"),
        pytest.param("cluster.models/m/1/live.upstream_rq_200", False, id="answers by code"),
        pytest.param(
            "cluster.models/m/1/live.external.upstream_rq_2xx", False, id="Envoy's second books"
        ),
        pytest.param("http.ingress.downstream_rq_2xx", False, id="those of the listener"),
        pytest.param("cluster.models/live/1/feedback.upstream_rq_2xx", True, id="a model `live`"),
    ],
)
def test_of_envoys_statistics_only_these_are_kept(name: str, kept: bool) -> None:
    assert bool(re.search(envoy_filter(), name)) == kept


@pytest.mark.parametrize(("seconds", "text"), [(1.0, "1000ms"), (0.5, "500ms"), (15, "15000ms")])
def test_a_scrape_takes_no_longer_than_the_interval(seconds: float, text: str) -> None:
    found = configuration(FILES, seconds)
    assert found["global"] == {"scrape_interval": text, "scrape_timeout": text}
    assert [job["job_name"] for job in found["scrape_configs"]] == [
        "envoy",
        "servers",
        "comparator",
    ]


def test_prometheus_listens_on_the_loopback_interface_only() -> None:
    command = arguments(Path("/bin/prometheus"), FILES, 99)
    assert "--web.listen-address=127.0.0.1:99" in command
    assert targets_file([1, 2]) == [{"targets": ["127.0.0.1:1", "127.0.0.1:2"]}]
