"""`headrace simulate`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from headrace.api import ModelRollout
from headrace.errors import InvalidInput
from headrace.lint.rollouts import read_rollouts
from headrace.simulate.plot import plot
from headrace.simulate.presets import DEFAULT, PRESETS, named
from headrace.simulate.rollout import MOST_TICKS, simulated
from headrace.simulate.runs import simulate as simulate_all
from headrace.simulate.scenario import Scenario, Slowdown
from headrace.simulate.summary import summaries
from headrace.simulate.table import table_of

_PICTURES = (".png", ".svg")
_MOST_PROCESSES = 2
_YOURS = "as asked"


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--scenario",
    "names",
    multiple=True,
    type=click.Choice([*(scenario.name for scenario in PRESETS), "all"]),
    help="What happens; may be given several times.",
)
@click.option("--runs", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--rate", type=click.FloatRange(0.01, 1e5), help="Requests a second.  [default: 40]")
@click.option(
    "--base", type=click.FloatRange(0, 1), help="Stable's share of failures.  [default: 0.01]"
)
@click.option(
    "--errors", type=click.FloatRange(0, 1e6), help="The candidate fails so many times as often."
)
@click.option("--latency", type=click.FloatRange(0.01, 1e3), help="It takes so many times as long.")
@click.option("--onset", type=click.FloatRange(min=0), help="It turns bad after so many minutes.")
@click.option(
    "--incidents", type=click.IntRange(0, 100), help="Incidents of two minutes, of both arms."
)
@click.option(
    "--bursts", type=click.FloatRange(1, 1000), help="Variance of failures, times independent."
)
@click.option(
    "--wander", type=click.FloatRange(0, 2), help="Spread of each arm's failure rate, as 0.3."
)
@click.option(
    "--outages", type=click.FloatRange(0, 0.9), help="Share of the time without any metrics."
)
@click.option(
    "--json", "as_json", is_flag=True, help="The figures as JSON; of several rollouts a list."
)
@click.option(
    "--plot",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw them: a .png or .svg file.",
)
@click.option("--processes", type=click.IntRange(1, _MOST_PROCESSES), help="At most two.")
def simulate(
    files: tuple[str, ...],
    names: tuple[str, ...],
    runs: int,
    seed: int,
    rate: float | None,
    base: float | None,
    errors: float | None,
    latency: float | None,
    onset: float | None,
    incidents: int | None,
    bursts: float | None,
    wander: float | None,
    outages: float | None,
    as_json: bool,
    picture: Path | None,
    processes: int | None,
) -> None:
    """Run ModelRollouts against generated traffic, many times, before they meet any user.

    FILES are files, folders or `-`; each may have several documents.

    The spec goes through the same decisions as in a cluster. The table says how often a healthy
    candidate is rolled back, how often and how soon a bad one is, how many users it reaches, and
    when an equal one is promoted; beside it, what the rules would do that the documentation of
    Argo Rollouts and of Flagger shows.

    \b
      headrace simulate rollout.yaml
      headrace simulate rollout.yaml --scenario all --rate 5 --base 0.001
      headrace simulate rollout.yaml --errors 1.5 --onset 10 --plot found.svg

    --errors, --latency and --onset make a candidate of your own; the other options change the
    traffic of every scenario. Approvals are given at once. The same seed gives the same answer.
    """
    if picture is not None and picture.suffix not in _PICTURES:
        raise InvalidInput(f"--plot {picture}: expected a name that ends with .png or .svg")
    rollouts = read_rollouts(files)
    if picture is not None and len(rollouts) > 1:
        raise InvalidInput(f"--plot {picture}: there are {len(rollouts)} rollouts; name one file")
    changed: dict[str, Any] = {
        "rate": rate,
        "base": base,
        "incidents": incidents,
        "burst": bursts,
        "wander": wander,
        "outage": outages,
    }
    changed = {name: value for name, value in changed.items() if value is not None}
    own = _own(errors, latency, onset)
    scenarios = [replace(scenario, **changed) for scenario in _chosen(names, own)]
    told = [
        _simulated(rollout, scenarios, runs, seed, processes, picture, quiet=as_json)
        for rollout in rollouts
    ]
    if as_json:
        click.echo(json.dumps(told[0] if len(told) == 1 else told, indent=2))
        return
    click.echo(
        "min: median minutes from the onset to a rollback, and to a promotion. bad: mean requests\n"
        "that the bad candidate answered. open: held, or paused for a person, or nothing decided\n"
        f"after {MOST_TICKS} judgements. In brackets: what a share may be in truth (95 %).\n"
        "Argo Rollouts, Flagger: the rules of their documentation, every minute, on traffic\n"
        "of the same seed; they promote what is left at the end of the steps."
    )


def _simulated(
    rollout: ModelRollout,
    scenarios: Sequence[Scenario],
    runs: int,
    seed: int,
    processes: int | None,
    picture: Path | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Simulate one rollout, print its table unless told not to, and give the same for JSON."""
    spec, left_out = simulated(rollout.spec)
    errors_to = Console(stderr=True)
    with Progress(console=errors_to, transient=True, disable=not errors_to.is_terminal) as bar:
        task = bar.add_task("rollouts", total=runs * len(scenarios))
        found = simulate_all(
            spec,
            scenarios,
            seed=seed,
            runs=runs,
            processes=processes or min(_MOST_PROCESSES, os.cpu_count() or 1),
            done=lambda count: bar.advance(task, count),
        )
    summed = [
        one
        for scenario, endings in zip(scenarios, found, strict=True)
        for one in summaries(scenario, endings)
    ]
    if picture is not None:
        plot(scenarios, found, picture)
    if not quiet:
        title = f"{rollout.key}: {runs} rollouts of each scenario, seed {seed}"
        Console().print(table_of(summed, title))
        if left_out:
            click.echo(f"Not simulated, and left out: {', '.join(left_out)}.")
    return {
        "rollout": rollout.key,
        "seed": seed,
        "runs": runs,
        "leftOut": list(left_out),
        "scenarios": [asdict(scenario) for scenario in scenarios],
        "results": [asdict(one) for one in summed],
    }


def _own(errors: float | None, latency: float | None, onset: float | None) -> Scenario | None:
    if errors is None and latency is None:
        if onset is not None:
            raise InvalidInput("--onset says when; --errors or --latency must say what begins then")
        return None
    return Scenario(
        _YOURS,
        worse=1.0 if errors is None else errors,
        slowdown=Slowdown(1.0 if latency is None else latency),
        onset=60 * (onset or 0.0),
    )


def _chosen(names: tuple[str, ...], own: Scenario | None) -> list[Scenario]:
    wanted = names or (("healthy",) if own else DEFAULT)
    chosen = {scenario.name: scenario for name in wanted for scenario in named(name)}
    return [*chosen.values(), *([own] if own else [])]
