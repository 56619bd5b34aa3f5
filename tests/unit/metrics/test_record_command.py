"""`headrace record` against a real HTTP server that answers as told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.record import record
from headrace.errors import InvalidInput, MetricsUnavailable
from headrace.metrics.clusters import cluster_name
from headrace.metrics.recording_file import read_recording
from tests.unit.metrics.servers import Prometheus

FROM = "2026-11-21T12:00:00Z"
TO = "2026-11-21T12:30:00Z"
BEGAN = 1795262400.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "rollout.yaml"
    written.write_text(
        """
metadata: {name: churn, namespace: models}
spec:
  model: {name: churn, version: "1.2", uri: "s3://models/2", digest: "sha256:%s"}
  strategy: {canary: {steps: [{weight: 5, hold: 1m}]}}
  analysis: {checks: [{name: errors, metric: error-rate, above: 0.1}]}
"""
        % ("0" * 64),
        encoding="utf-8",
    )
    return written


def counted(*versions: str) -> list[dict[str, object]]:
    return [
        {
            "metric": {
                "__name__": "envoy_cluster_upstream_rq_xx",
                "envoy_cluster_name": cluster_name("models/churn", version, "live"),
            },
            "values": [[BEGAN, "1"], [BEGAN + 15, "2"]],
        }
        for version in versions
    ]


def run(file: Path, prometheus: Prometheus, *more: str) -> Result:
    output = file.with_name("recording.jsonl")
    arguments = [str(file), "--prometheus", f"{prometheus.url}/", "-o", str(output)]
    return CliRunner().invoke(record, [*arguments, "--from", FROM, "--to", TO, *more])


def test_the_stable_version_is_the_other_one_that_was_counted(
    file: Path, prometheus: Prometheus
) -> None:
    prometheus.answer = counted("1.1", "1.2")
    said = run(file, prometheus)
    assert said.exit_code == 0, said.output
    assert "4 samples of 2 counters" in said.output
    found = read_recording(file.with_name("recording.jsonl"))
    assert (found.rollout, found.stable) == ("models/churn", "1.1")
    assert found.span == (BEGAN, BEGAN + 15)
    assert all("rate(" not in query for query in prometheus.queries)


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (("1.0", "1.1", "1.2"), "Seen in that range: 1.0, 1.1, 1.2. Say it with --stable"),
        (("1.2",), "Seen in that range: 1.2."),
        ((), "Seen in that range: none."),
    ],
)
def test_which_version_was_stable_must_be_known(
    file: Path, prometheus: Prometheus, versions: tuple[str, ...], said: str
) -> None:
    prometheus.answer = counted(*versions)
    assert said in str(run(file, prometheus).exception)


def test_nothing_counted_is_said_and_nothing_written(file: Path, prometheus: Prometheus) -> None:
    found = run(file, prometheus, "--stable", "1.1")
    assert isinstance(found.exception, InvalidInput)
    assert "has counted nothing of models/churn, versions 1.1 and 1.2" in str(found.exception)
    assert not file.with_name("recording.jsonl").exists()


@pytest.mark.parametrize("times", [(TO, FROM), (FROM, "2027-11-21T12:00:00Z"), ("nan", TO)])
def test_a_range_must_be_one(file: Path, prometheus: Prometheus, times: tuple[str, str]) -> None:
    found = run(file, prometheus, "--from", times[0], "--to", times[1])
    assert found.exit_code
    assert not prometheus.queries


def test_a_prometheus_that_is_not_there_is_named(file: Path, prometheus: Prometheus) -> None:
    found = run(file, prometheus, "--prometheus", "http://127.0.0.1:9")
    assert isinstance(found.exception, MetricsUnavailable)
    assert "Prometheus at http://127.0.0.1:9 cannot be reached" in str(found.exception)


def test_a_folder_that_cannot_be_written_is_named(file: Path, prometheus: Prometheus) -> None:
    prometheus.answer = counted("1.1", "1.2")
    found = run(file, prometheus, "-o", str(file / "below" / "recording.jsonl"))
    assert isinstance(found.exception, InvalidInput)
    assert "cannot be written" in str(found.exception)
