"""`headrace labels`: labels that come late, and what is learned from them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headrace.api.fields import format_instant
from headrace.cli.instants import DURATION
from headrace.cli.places import home
from headrace.errors import PlatformUnavailable, SetupError

if TYPE_CHECKING:
    from headrace.labels.collect import Collector
    from headrace.labels.quality import Quality
    from headrace.labels.store import LabelStore

Command = TypeVar("Command", bound=Callable[..., Any])

_JSON = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


@click.group()
def labels() -> None:
    """Join labels that come late to the predictions that they are about.

    What was predicted and what was true come as lines of JSON, in any order, and are joined by the
    request's id:

    \b
      {"request_id": "7f3a", "version": "7", "prediction": 0.81, "time": 1795300000}
      {"request_id": "7f3a", "label": 1}
    """


def _stored(command: Command) -> Command:
    for option in (
        click.option(
            "--window",
            type=DURATION,
            default="30d",
            show_default=True,
            help="How long a prediction waits for its label.",
        ),
        click.option(
            "--store",
            "url",
            envvar="HEADRACE_LABELS",
            default=None,
            metavar="URL",
            help="The database, such as postgresql://...  [default: .headrace/labels.db]",
        ),
        click.option("--model", required=True, help="The model's name."),
    ):
        command = option(command)
    return command


@labels.command(short_help="Record predictions and labels from a file.")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@_stored
@click.option(
    "--kind",
    type=click.Choice(["probability", "number"]),
    default="probability",
    show_default=True,
    help="What predictions are that are numbers and do not say.",
)
@click.option("--feedback", default="", metavar="URL", help="The router: tell the arms, too.")
@click.option("--host", default="", help="What feedback names as its host.")
@_JSON
def add(
    file: TextIO,
    model: str,
    url: str | None,
    window: float,
    kind: str,
    feedback: str,
    host: str,
    as_json: bool,
) -> None:
    """Record predictions and labels from FILE, or from - for the standard input.

    What is known already is counted and changes nothing, so a file may be added again.

    \b
      headrace labels add labels.jsonl --model flight-delay
      headrace labels add - --model flight-delay --feedback http://localhost:8080 < labels.jsonl
    """
    with _opened(url, model, window) as store:
        from headrace.labels.feed import feed
        from headrace.labels.feedback import send_rewards

        feed(store, file, "number" if kind == "number" else "probability", time.time())
        sent = send_rewards(store, feedback, host) if feedback else None
        counts = store.counts()
    if as_json:
        click.echo(json.dumps({"counts": dict(counts), "feedback": sent and asdict(sent)}))
        return
    _show_counts(counts)
    if sent is not None:
        taken, refused = sum(sent.taken.values()), sum(sent.refused.values())
        click.echo(f"feedback: {taken} taken, {refused} refused by versions that run no more")


@labels.command()
@click.argument("server", nargs=-1, required=True)
@_stored
@click.option(
    "--copied",
    multiple=True,
    metavar="VERSION",
    help="A version that answers copies only: it gets no feedback.",
)
@click.option("--every", type=DURATION, default="10s", show_default=True, help="Between rounds.")
@click.option("--once", is_flag=True, help="End after one round.")
def collect(
    server: tuple[str, ...],
    model: str,
    url: str | None,
    window: float,
    copied: tuple[str, ...],
    every: float,
    once: bool,
) -> None:
    """Record what model servers answer, until Ctrl-C.

    SERVER is the address of a metrics port. A host may stand for many servers, as a headless
    Service does: its addresses are looked up anew in every round. Servers keep their last 8,192
    answers; what was gone before it was read is counted.

    \b
      headrace labels collect http://localhost:6100 --model flight-delay
    """
    with _opened(url, model, window) as store:
        from headrace.labels.collect import Collector

        collector = Collector(store, server, copied)
        while True:
            _show_round(collector, time.time())
            if once:
                return
            time.sleep(every)


@labels.command(short_help="Show how good each version was over time.")
@_stored
@click.option("--by", type=DURATION, default="1d", show_default=True, help="Periods; whole hours.")
@click.option("--since", type=DURATION, default="90d", show_default=True, help="How far back.")
@_JSON
def quality(
    model: str, url: str | None, window: float, by: float, since: float, as_json: bool
) -> None:
    """Show how good each version was over time, by the labels that have come.

    A prediction counts in the period in which it was made. Accuracy and Brier score of
    probabilities, accuracy of labels, mean absolute and root mean squared error of numbers.
    """
    with _opened(url, model, window) as store:
        from headrace.labels.quality import HOUR
        from headrace.labels.quality import quality as qualities

        now = time.time()
        store.settle(now)
        seen = qualities(store.hours(now - since), max(HOUR, round(by / HOUR) * HOUR))
        counts = store.counts()
    if as_json:
        periods = [asdict(each) | {"start": format_instant(each.start)} for each in seen]
        click.echo(json.dumps({"quality": periods, "counts": dict(counts)}, indent=2))
        return
    Console().print(_table(seen) if seen else Text("no prediction has its label yet"))
    _show_counts(counts)


@labels.command(short_help="Say whether it is time to train again.")
@click.argument("condition")
@_stored
@click.option("--version", required=True, help="The version that has the users.")
@click.option("--since", type=DURATION, default="7d", show_default=True, help="How far back.")
@click.option(
    "--least", type=click.IntRange(min=1), default=200, show_default=True, help="Labels needed."
)
@click.option(
    "--cool-down", type=DURATION, default="1d", show_default=True, help="Between two yeses."
)
@_JSON
def due(
    condition: str,
    model: str,
    url: str | None,
    window: float,
    version: str,
    since: float,
    least: int,
    cool_down: float,
    as_json: bool,
) -> None:
    """Say whether the quality is a reason to train again; a yes starts the cool-down.

    \b
      headrace labels due 'accuracy < 0.7 or brier > 0.2' --model flight-delay --version 7
    """
    with _opened(url, model, window) as store:
        from headrace.labels.retrain import retrain_due
        from headrace.labels.trigger import Trigger, read_conditions

        trigger = Trigger(read_conditions(condition), least, cool_down)
        verdict = retrain_due(store, trigger, version, since, time.time())
    if as_json:
        click.echo(json.dumps(asdict(verdict)))
    else:
        click.echo(f"{'yes' if verdict.fires else 'no'}: {verdict.message}")


@contextmanager
def _opened(url: str | None, model: str, window: float) -> Iterator[LabelStore]:
    try:
        from headrace.labels.store import LabelStore
    except ImportError as error:
        raise SetupError(
            f"SQLAlchemy cannot be imported ({error}): pip install 'headrace[pipelines]'."
        ) from error
    if url is None:
        home().mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{home() / 'labels.db'}"
    with closing(LabelStore(url, model, window)) as store:
        yield store


def _show_round(collector: Collector, now: float) -> None:
    """Tell what a round has brought, if that is anything; a database may be back in the next."""
    try:
        found = asdict(collector.round(now))
    except PlatformUnavailable as error:
        click.echo(str(error), err=True)
        return
    servers = found.pop("servers")
    told = ", ".join(f"{number:,} {name}" for name, number in found.items() if number)
    if told or not servers:
        count = "1 server" if servers == 1 else f"{servers:,} servers"
        click.echo(f"{count}: {told or 'none has an address'}")


def _show_counts(counts: Mapping[str, int]) -> None:
    told = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)
    click.echo(told or "nothing is known yet")


def _table(seen: tuple[Quality, ...]) -> Table:
    scores = list(dict.fromkeys(name for each in seen for name in each.scores))
    table = Table.grid(padding=(0, 2))
    table.add_row(*(Text(name, style="dim") for name in ("version", "from", "labels", *scores)))
    for each in seen:
        told = (f"{each.scores[name]:.4g}" if name in each.scores else "" for name in scores)
        row = (each.version, format_instant(each.start), f"{each.count:,}", *told)
        table.add_row(*(Text(cell) for cell in row))
    return table
