"""`headrace init`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headrace.api import parse_rollout
from headrace.cli.starter import NO_DIGEST, STRATEGIES, Starter
from headrace.cli.written import write_text
from headrace.errors import Conflict


@click.command()
@click.option("--name", help="The rollout's and the model's name.")
@click.option("--strategy", type=click.Choice(STRATEGIES), help="How it gets its traffic.")
@click.option("--namespace", default="default", show_default=True)
@click.option("--model-version", "version", default="1", show_default=True)
@click.option("--uri", help="Where the model's bundle is, such as s3://models/churn/1.")
@click.option("--digest", default=NO_DIGEST, help="The bundle's; `headrace bundle` prints it.")
@click.option(
    "-o",
    "--output",
    default="rollout.yaml",
    show_default=True,
    help="The file to write; `-` for standard output.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(
    name: str | None,
    strategy: str | None,
    namespace: str,
    version: str,
    uri: str | None,
    digest: str,
    output: str,
    force: bool,
) -> None:
    """Write a commented ModelRollout to begin with.

    Asks for what is not given when it is run in a terminal; elsewhere it takes defaults. What it
    writes passes `headrace lint`.
    """
    target = None if output == "-" else Path(output)
    if target is not None and target.exists() and not force:
        raise Conflict(f"{target} is there already; --force writes over it.")
    asks = sys.stdin.isatty()
    name = name or _answer("Name of the model", "my-model", asks=asks)
    strategy = strategy or _choice(asks=asks)
    uri = uri or _answer("Where its bundle is", f"s3://models/{name}/{version}", asks=asks)
    text = Starter(name, namespace, version, uri, digest, strategy).written()
    parse_rollout(text, output)  # a name or a digest that is none is told here
    if target is None:
        click.echo(text, nl=False)
        return
    write_text(target, text)
    click.echo(f"{target} is written. Next: headrace lint {target}; headrace plan {target}")
    if digest == NO_DIGEST:
        click.echo("Its digest is a placeholder: `headrace bundle --rollout` names a real bundle.")


def _answer(question: str, default: str, *, asks: bool) -> str:
    if not asks:
        return default
    answer: str = click.prompt(question, default=default, err=True)
    return answer


def _choice(*, asks: bool) -> str:
    if not asks:
        return STRATEGIES[0]
    answer: str = click.prompt(
        "Strategy", type=click.Choice(STRATEGIES), default=STRATEGIES[0], err=True
    )
    return answer
