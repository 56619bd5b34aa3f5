"""The Prometheus of a run: its files and how it is started."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from headrace.runtime.local.documents import publish
from headrace.runtime.local.loopback import get
from headrace.runtime.local.processes import Command
from headrace.runtime.local.prometheus import (
    JOBS,
    PrometheusFiles,
    arguments,
    configuration,
    targets_file,
)


class Monitoring:
    """Prometheus' folder.

    Args:
        root: The folder.
        port: Where it answers queries.
        scrape_interval: Seconds.
    """

    def __init__(self, root: Path, port: int, scrape_interval: float) -> None:
        self.port = port
        self._scrape_interval = scrape_interval
        self._files = PrometheusFiles(root)

    def prepare(self) -> None:
        """Write the files of a Prometheus that scrapes nobody yet. What it has stored stays.

        Raises:
            OSError: The disk did not take them.
        """
        self._files.data.mkdir(parents=True, exist_ok=True)
        self._files.targets("").parent.mkdir(exist_ok=True)
        document = configuration(self._files, self._scrape_interval)
        self._files.config.write_text(json.dumps(document, indent=1))
        for job in JOBS:
            self.scrape({job: ()})

    def scrape(self, targets: Mapping[str, Iterable[int]]) -> None:
        """Have other processes scraped: the ports by job. Jobs that are not named stay.

        Raises:
            OSError: The disk did not take it.
        """
        for job, ports in targets.items():
            publish(self._files.targets(job), targets_file(sorted(ports)))

    def command(self, binary: Path, log: Path) -> Command:
        """Give Prometheus' command line."""
        command = arguments(binary, self._files, self.port)
        return Command(command, log, dict(os.environ), self._files.root)

    def require(self) -> None:
        """Refuse to go on without a Prometheus that answers.

        Raises:
            PlatformUnavailable: It is not ready.
        """
        get(self.port, "/-/ready")
