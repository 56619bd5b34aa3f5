"""`headrace record`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from headrace.api import ModelRollout, load_rollout
from headrace.cli.instants import INSTANT
from headrace.cli.numbers import Number
from headrace.errors import InvalidInput
from headrace.metrics.access import Access
from headrace.metrics.answers import Client
from headrace.metrics.record import record as record_range
from headrace.metrics.record import request_of, seen_versions
from headrace.metrics.recording_file import write_recording

_TIMEOUT = 60.0
_A_DAY = 86_400.0
_LONGEST = 31 * _A_DAY


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--prometheus", "url", required=True, metavar="URL", help="Who has counted.")
@click.option(
    "--from",
    "first",
    type=INSTANT,
    required=True,
    help="2026-11-21T12:30:00Z, or Unix seconds; best an hour before the candidate came.",
)
@click.option("--to", "last", type=INSTANT, help="The same.  [default: now]")
@click.option(
    "--step",
    type=Number(0.1, _A_DAY),
    help="Seconds between two looks at a check of kind Value.  [default: analysis.interval]",
)
@click.option("--stable", help="The version that had the users, if several could have been.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("recording.jsonl"),
    show_default=True,
)
def record(
    file: Path,
    url: str,
    first: float,
    last: float | None,
    step: float | None,
    stable: str | None,
    output: Path,
) -> None:
    """Save what Prometheus has counted for a rollout, to replay it elsewhere.

    Reads raw counters as they were scraped, with the selectors of the controller and nothing that
    extrapolates, such as rate(). `headrace simulate ROLLOUT.yaml --replay recording.jsonl` then
    says what would have been decided, with these or with other checks.

    \b
      headrace record rollout.yaml --prometheus http://localhost:9090 \\
        --from 2026-11-21T12:00:00Z --to 2026-11-21T14:00:00Z
    """
    rollout = load_rollout(file)
    last = time.time() if last is None else last
    if not 0 <= first < last <= first + _LONGEST:
        raise InvalidInput(
            f"--from {first:.0f} --to {last:.0f}: expected an end after the beginning, and at "
            f"most {_LONGEST / _A_DAY:.0f} days"
        )
    server = Client(Access(url.rstrip("/")), _TIMEOUT, raw=True)
    stable = stable or _stable(rollout, seen_versions(server, rollout.key, first, last))
    request = request_of(rollout, stable, first)
    found = record_range(server, request, first, last, step or request.interval)
    if not found.size:
        raise InvalidInput(
            f"{server.name} has counted nothing of {rollout.key}, versions {stable} and "
            f"{', '.join(request.candidates)}, in that range."
        )
    write_recording(output, found)
    click.echo(f"{output}: {found.size:,} samples of {len(found.series):,} counters.")


def _stable(rollout: ModelRollout, versions: tuple[str, ...]) -> str:
    candidates = [model.version for model in rollout.spec.versions]
    others = [version for version in versions if version not in candidates]
    if len(others) == 1:
        return others[0]
    seen = ", ".join(versions) or "none"
    raise InvalidInput(
        f"Which version of {rollout.key} had the users? Seen in that range: {seen}. "
        "Say it with --stable."
    )
