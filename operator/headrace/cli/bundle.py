"""`headrace bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.cli.numbers import Number
from headrace.delivery.files import publish
from headrace.errors import InvalidInput


@click.command()
@click.argument("model", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--name", required=True, help="The model's name, such as flight-delay.")
@click.option("--version", required=True, help="The version's name, such as 7.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="CSV with a header: the model's inputs, a few hundred typical rows.",
)
@click.option(
    "--kind",
    type=click.Choice(["probability", "number", "label"]),
    default="probability",
    show_default=True,
    help="What the model gives for a row.",
)
@click.option("--output", default="prediction", show_default=True, help="What to call it.")
@click.option(
    "--threshold",
    type=Number(0, 1),
    default=0.5,
    show_default=True,
    help="A probability above it counts as a positive answer.",
)
@click.option(
    "--rollout",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A ModelRollout in which to name this version.",
)
@click.option("-o", "--target", required=True, type=click.Path(path_type=Path), help="Directory.")
def bundle(
    model: Path,
    name: str,
    version: str,
    data: Path,
    kind: str,
    output: str,
    threshold: float,
    rollout: Path | None,
    target: Path,
) -> None:
    """Package a model file so that a rollout can name it.

    MODEL is an ONNX or a skops file. Writes a directory with the model, its signature, histograms
    of what is usual, and examples, and prints what spec.model of a ModelRollout needs, or writes
    it there.

    \b
      headrace bundle model.onnx --name churn --version 1 --data typical.csv -o bundles/churn-1
    """
    from headrace.api.editing import name_version
    from headrace.serving.adopt import adopt
    from headrace.serving.signature import Output

    if kind not in ("probability", "number", "label"):
        raise InvalidInput(f"{kind} is no kind of output.")
    given = Output(
        output,
        kind,  # type: ignore[arg-type]
        threshold=threshold if kind == "probability" else None,
        tensor=None,
    )
    digest = adopt(model, data, target, name, version, given)
    fields = {
        "name": name,
        "version": version,
        "uri": target.resolve().as_uri(),
        "digest": digest,
    }
    if rollout is None:
        click.echo(name_version("spec:\n  model:\n    name: ''\n", fields), nl=False)
        return
    text = name_version(rollout.read_text(encoding="utf-8"), fields, str(rollout))
    publish(rollout, text)
    click.echo(f"{rollout} now names version {version} of {name}.")
