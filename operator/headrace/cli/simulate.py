"""`headrace simulate`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import Progress

from headrace.api import ModelRollout
from headrace.cli.instants import INSTANT
from headrace.cli.replay import show_replay
from headrace.cli.scenarios import scenario_options, scenarios_of
from headrace.errors import InvalidInput
from headrace.lint.rollouts import read_rollouts
from headrace.simulate.plot import plot
from headrace.simulate.presets import ALL, PRESETS
from headrace.simulate.rollout import MOST_TICKS
from headrace.simulate.runs import Endings
from headrace.simulate.runs import simulate as simulate_all
from headrace.simulate.scenario import Scenario
from headrace.simulate.summary import summaries
from headrace.simulate.table import table_of

_PICTURES = (".png", ".svg")
_MOST_PROCESSES = 2
_OF_BOTH = ("files", "as_json")
_OF_REPLAYS = ("recordings", "stable", "start")

_LEGEND = (
    "min: median minutes from the onset to a rollback, and to a promotion. bad: mean requests\n"
    "that the bad candidate answered. open: held, or paused for a person, or nothing decided\n"
    f"after {MOST_TICKS} judgements. In brackets: what a share may be in truth (95 %).\n"
    "Argo Rollouts, Flagger: the rules of their documentation, every minute, on traffic\n"
    "of the same seed; they promote what is left at the end of the steps."
)

_SCENARIOS = [scenario.name for scenario in PRESETS]


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--scenario",
    "names",
    multiple=True,
    type=click.Choice([*_SCENARIOS, ALL]),
    metavar="NAME",
    help=f"What happens, may be given several times: {ALL}, {', '.join(_SCENARIOS)}.",
)
@click.option("--runs", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@scenario_options
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON; of several a list.")
@click.option(
    "--plot",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw them: a .png or .svg file.",
)
@click.option("--processes", type=click.IntRange(1, _MOST_PROCESSES), help="At most two.")
@click.option(
    "--replay",
    "recordings",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A recording in place of generated traffic; see `headrace record`.",
)
@click.option("--stable", help="Replay: the version that had the users.")
@click.option("--start", type=INSTANT, help="Replay: when the rollout begins.")
def simulate(
    files: tuple[str, ...],
    names: tuple[str, ...],
    runs: int,
    seed: int,
    as_json: bool,
    picture: Path | None,
    processes: int | None,
    recordings: tuple[Path, ...],
    stable: str | None,
    start: float | None,
    **given: Any,
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
      headrace simulate rollout.yaml --replay recording.jsonl

    --errors to --onset make a candidate of your own; --rate to --outages change the traffic of
    every scenario. Approvals are given at once. The same seed gives the same answer.

    --replay runs it once against what `headrace record` has saved, or against answers of
    Prometheus to query_range, and says what would have been decided when and why.
    """
    if picture is not None and picture.suffix not in _PICTURES:
        raise InvalidInput(f"--plot {picture}: expected a name that ends with .png or .svg")
    _only_of_one_kind(click.get_current_context(), replays=bool(recordings))
    rollouts = read_rollouts(files)
    if len(rollouts) > 1 and (picture is not None or recordings):
        what = "--replay" if recordings else "--plot"
        raise InvalidInput(f"{what} is about one rollout, and here are {len(rollouts)}")
    if recordings:
        show_replay(rollouts[0], recordings, stable=stable, start=start, as_json=as_json)
        return
    told = []
    for rollout in rollouts:
        scenarios = scenarios_of(names, given, rollout.spec)
        found = _simulated(rollout, scenarios, seed, runs, processes)
        summed = [
            one
            for scenario, endings in zip(scenarios, found, strict=True)
            for one in summaries(scenario, endings)
        ]
        if picture is not None:
            plot(scenarios, found, picture)
        if not as_json:
            title = f"{rollout.key}: {runs} rollouts of each scenario, seed {seed}"
            Console().print(table_of(summed, title))
        told.append(
            {
                "rollout": rollout.key,
                "seed": seed,
                "runs": runs,
                "scenarios": [asdict(scenario) for scenario in scenarios],
                "results": [asdict(one) for one in summed],
            }
        )
    click.echo(json.dumps(told[0] if len(told) == 1 else told, indent=2) if as_json else _LEGEND)


def _simulated(
    rollout: ModelRollout,
    scenarios: Sequence[Scenario],
    seed: int,
    runs: int,
    processes: int | None,
) -> list[Endings]:
    errors_to = Console(stderr=True)
    with Progress(console=errors_to, transient=True, disable=not errors_to.is_terminal) as bar:
        task = bar.add_task("rollouts", total=runs * len(scenarios))
        return simulate_all(
            rollout.spec,
            scenarios,
            seed=seed,
            runs=runs,
            processes=processes or min(_MOST_PROCESSES, os.cpu_count() or 1),
            done=lambda count: bar.advance(task, count),
        )


def _only_of_one_kind(context: click.Context, *, replays: bool) -> None:
    """Refuse options that say nothing about what is asked for."""
    for option in context.command.params:
        name = option.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not given or name in _OF_BOTH or (name in _OF_REPLAYS) is replays:
            continue
        if replays:
            raise InvalidInput(f"{option.opts[0]} is about generated traffic, not about --replay")
        raise InvalidInput(f"{option.opts[0]} is about a recording; expected --replay beside it")
