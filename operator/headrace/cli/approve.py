"""`headrace approve`."""

from __future__ import annotations

import click

from headrace.cli.places import person
from headrace.cli.registries import registry_of


@click.command()
@click.argument("name")
@click.argument("version")
@click.option(
    "--registry",
    required=True,
    envvar="MLFLOW_TRACKING_URI",
    help="Where the version is registered: sqlite:///mlflow.db, or the address of a server.",
)
@click.option("--at", "place", default=None, help="A folder file:///... for words; else the tags.")
@click.option("--reject", is_flag=True, help="Say no, which ends the review.")
@click.option("--comment", default="", help="Why, for the audit trail.")
@click.option("--as", "by", default=None, help="Who says it; by default who is logged in here.")
def approve(
    name: str,
    version: str,
    registry: str,
    place: str | None,
    reject: bool,
    comment: str,
    by: str | None,
) -> None:
    """Say that VERSION of the model NAME may get users, or that it may not.

    The word is kept as a tag of the version in MLflow, with who and when, and holds for the
    registered digest alone. The component review waits for it.
    """
    from headrace.delivery.review.approvals import word_of, words_at

    known = registry_of(registry).version_named(name, version)
    word = word_of(by or person(), "reject" if reject else "approve", known.digest, comment)
    words_at(place or registry).say(name, version, word)
    said = "rejected" if reject else "approved"
    click.echo(f"{name} {version} ({known.digest}) {said} by {word.by}")
