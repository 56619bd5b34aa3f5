"""`headrace plan`."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from headrace.api import ModelRollout
from headrace.api.fields import format_duration
from headrace.cli.instants import DURATION
from headrace.cli.today import error_rate_of_today, rate_of_today
from headrace.errors import InvalidInput
from headrace.lint.endings import endings_of, harm_of
from headrace.lint.outlook import Need, Outlook, StepOutlook, outlook_of
from headrace.lint.proofs import Today
from headrace.lint.rollouts import read_rollouts
from headrace.report.wording import share


@click.command()
@click.argument("files", nargs=-1, required=True)
@rate_of_today("also say how much traffic the proofs need.")
@error_rate_of_today
@click.option(
    "--median",
    type=DURATION,
    help="What half of the answers take today, as 40ms.",
)
@click.option(
    "--p95",
    type=DURATION,
    help="What 95 of 100 take: also forecasts latency.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON; times in seconds.")
def plan(
    files: tuple[str, ...],
    rate: float | None,
    error_rate: float,
    median: float | None,
    p95: float | None,
    as_json: bool,
) -> None:
    """Say what a rollout will do, before it does it.

    FILES are files, folders or `-`. Shows the steps and how long each takes, what rolls back and
    how else it can end; with --rate also how many requests the checks need before they can say
    anything, and the smallest regression that they will find; with --median and --p95 of the
    latency, too.
    """
    today = _today(rate, error_rate, median, p95)
    outlooks = [(r, outlook_of(r.spec, today)) for r in read_rollouts(files)]
    if as_json:
        written = [_as_json(rollout, outlook) for rollout, outlook in outlooks]
        click.echo(json.dumps(written, indent=2))
        return
    console = Console(highlight=False)
    for rollout, outlook in outlooks:
        _print(rollout, outlook, today, console)


def _today(
    rate: float | None, failing: float, median: float | None, p95: float | None
) -> Today | None:
    if rate is None:
        if median is not None or p95 is not None:
            raise InvalidInput("--median and --p95 say nothing without --rate")
        return None
    if (median is None) != (p95 is None):
        raise InvalidInput("--median and --p95 are told together: one alone says nothing")
    if median is not None and p95 is not None and not 0 < median < p95:
        raise InvalidInput("--p95 must be longer than --median, which must be above zero")
    return Today(rate, failing, median, p95)


def _as_json(rollout: ModelRollout, outlook: Outlook) -> dict[str, Any]:
    return {
        "rollout": rollout.key,
        **dataclasses.asdict(outlook),
        "harms": {check.name: harm_of(check) for check in rollout.spec.analysis.checks},
        "endings": list(endings_of(rollout.spec)),
    }


def _print(rollout: ModelRollout, outlook: Outlook, today: Today | None, console: Console) -> None:
    spec = rollout.spec
    versions = ", ".join(model.version for model in spec.versions)
    console.print(f"[bold]{rollout.key}[/bold]: {spec.model.name} {versions}")
    console.print(_steps(outlook, with_traffic=today is not None))
    least = format_duration(outlook.seconds)
    longest = format_duration(outlook.max_duration)
    console.print(f"At least {least} before the switch, at most {longest} of observed time.\n")
    if today is not None:
        said = f"At {today.rate:g} requests a second, of which {share(today.failing)} fail today:"
        console.print(said)
        for forecast in outlook.forecasts:
            console.print(f"  {forecast.check}: {forecast.sentence}", soft_wrap=True, markup=False)
        for other in outlook.unforeseen:
            said = f"  {other.check}: not forecast: {other.why}"
            console.print(said, soft_wrap=True, markup=False)
        console.print()
    console.print("Harm is:")
    for check in spec.analysis.checks:
        console.print(f"  {check.name}: {harm_of(check)}", soft_wrap=True, markup=False)
    console.print()
    for ending in endings_of(spec):
        console.print(ending, soft_wrap=True, markup=False)


def _steps(outlook: Outlook, *, with_traffic: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "step", "from"):
        table.add_column(heading, no_wrap=True)
    if with_traffic:
        table.add_column("candidates get", justify="right")
        table.add_column("a proof takes")
    for number, step in enumerate(outlook.steps, start=1):
        row = [str(number), step.what, format_duration(step.start)]
        if with_traffic:
            row += [_requests(step), "\n".join(map(_need, step.needs))]
        table.add_row(*row)
    return table


def _requests(step: StepOutlook) -> str:
    if not step.requests:
        return ""
    return f"{step.requests:,.0f} {'copies' if step.mirror else 'requests'}"


def _need(need: Need) -> str:
    if need.seconds is None or need.requests is None:
        return f"{need.check}: more than maxDuration"
    after = format_duration(max(1.0, round(need.seconds)))
    return f"{need.check}: {need.requests:,.0f} requests, {after}"
