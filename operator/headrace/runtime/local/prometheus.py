"""What Prometheus is told: whom to scrape, and how to keep it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.runtime.local.envoy.clusters import Kind
from headrace.runtime.local.ports import LOOPBACK

JOBS = {"envoy": "/stats/prometheus", "servers": "/metrics", "comparator": "/metrics"}
"""Path of the metrics, by job."""

COUNTERS = (
    "upstream_rq_[1-5]xx",
    "upstream_rq_time",
    "upstream_rq_total",
    "upstream_rq_timeout",
    "upstream_rq_retry",
    "upstream_rq_retry_success",
    "upstream_rq_pending_overflow",
    "upstream_cx_connect_fail",
    "upstream_cx_none_healthy",
    "membership_healthy",
    "membership_total",
)
"""What is kept of Envoy's statistics, a hundredth of them. Not only what was used already: a
counter must be seen at zero before it is seen at one."""


def envoy_filter() -> str:
    """Give the regular expression of Envoy's own names for these statistics.

    The kind comes right before the counter, which leaves out Envoy's second books for internal
    and external requests.
    """
    kinds = "|".join(kind.value for kind in Kind)
    return rf"^cluster\..+({kinds})\.({'|'.join(COUNTERS)})$"


@dataclass(frozen=True, slots=True)
class PrometheusFiles:
    """The folder that Prometheus reads and writes.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def config(self) -> Path:
        """What it is started with."""
        return self.root / "prometheus.yml"

    @property
    def data(self) -> Path:
        """Its storage."""
        return self.root / "data"

    def targets(self, job: str) -> Path:
        """Whom it scrapes for a job; watched."""
        return self.root / "targets" / f"{job}.json"


def configuration(files: PrometheusFiles, scrape_interval: float) -> dict[str, Any]:
    """Build the configuration: JSON, which is YAML.

    Args:
        files: Where the targets are.
        scrape_interval: Seconds, at least 0.1.
    """
    interval = f"{round(scrape_interval * 1000)}ms"
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": [
            {
                "job_name": job,
                "metrics_path": path,
                "file_sd_configs": [{"files": [str(files.targets(job))]}],
                **({"params": {"filter": [envoy_filter()]}} if job == "envoy" else {}),
            }
            for job, path in JOBS.items()
        ],
    }


def targets_file(ports: Iterable[int]) -> list[dict[str, Any]]:
    """Build the file of a job's targets, by their ports of the loopback interface."""
    return [{"targets": [f"{LOOPBACK}:{port}" for port in ports]}]


def arguments(binary: Path, files: PrometheusFiles, port: int) -> tuple[str, ...]:
    """Give the command line.

    Args:
        binary: The program.
        files: Its folder.
        port: Of the loopback interface, where it answers queries.
    """
    return (
        str(binary),
        f"--config.file={files.config}",
        f"--storage.tsdb.path={files.data}",
        "--storage.tsdb.retention.time=1d",
        "--storage.tsdb.retention.size=512MB",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--query.timeout=10s",
        "--log.level=warn",
    )
