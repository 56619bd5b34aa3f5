"""The comparator's command line: it joins the answers of both arms while there is a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headrace.api import ModelSpec
from headrace.runtime.local.ports import LOOPBACK
from headrace.runtime.local.servers import Replica

NAME = "comparator"


def comparator_arguments(
    environment: Path,
    stable: ModelSpec,
    candidate: ModelSpec,
    arms: Sequence[Sequence[Replica]],
    port: int,
) -> tuple[str, ...]:
    """Give the command line.

    Args:
        environment: The serving environment's root.
        stable: The version that has the users.
        candidate: The version under test.
        arms: The servers of both, at least one each.
        port: Where it shows its counters.
    """
    urls = [",".join(f"http://{LOOPBACK}:{server.metrics}" for server in arm) for arm in arms]
    return (
        str(environment / "bin" / "python"),
        *("-m", "headrace.serving.comparator"),
        *("--stable", urls[0], "--candidate", urls[1]),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--model", candidate.name),
        *("--stable-version", stable.version, "--candidate-version", candidate.version),
    )
