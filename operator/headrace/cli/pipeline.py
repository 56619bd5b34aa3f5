"""`headrace pipeline`: compile, run here, submit to a KFP backend, and schedule there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console

from headrace.cli.numbers import Number
from headrace.cli.written import write_text
from headrace.errors import InvalidInput

if TYPE_CHECKING:
    from headrace.pipelines.backend import Backend

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
_PARAMETERS = click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Of the pipeline; NAME=@FILE takes the text of a file.",
)
_VALUES = click.option(
    "--parameters",
    "values",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="YAML with values by name; -p replaces them.",
)


@click.group()
def pipeline() -> None:
    """Compile a pipeline, run it here, or hand it to a KFP backend.

    FILE is a pipeline.py, whose function is named like its folder, or what was compiled of it.
    Works with KFP backends 2.5 and newer; --kubernetes-manifest needs 2.14, with its pipelines
    kept in Kubernetes.
    """


@pipeline.command("compile")
@_FILE
@click.option("-o", "--target", type=click.Path(path_type=Path), help="[default: to the terminal]")
@click.option("--kubernetes-manifest", is_flag=True, help="As resources for kubectl apply.")
@click.option("-n", "--namespace", default="", help="Of the resources.")
@click.option("--version-name", default="", help="Of the PipelineVersion.  [default: by digest]")
def compile_(
    file: Path, target: Path | None, kubernetes_manifest: bool, namespace: str, version_name: str
) -> None:
    """Write the pipeline in KFP's own format, or as resources for kubectl apply.

    \b
      headrace pipeline compile pipelines/flight_delay/pipeline.py -o flight_delay.yaml
      headrace pipeline compile pipelines/flight_delay/pipeline.py --kubernetes-manifest \\
        | kubectl apply -f -
    """
    if kubernetes_manifest:
        from headrace.pipelines.manifest import compile_manifest

        text = compile_manifest(file, namespace, version_name)
    else:
        with _compiled(file) as ready:
            text = ready.read_text(encoding="utf-8")
    if target is None:
        click.echo(text, nl=False)
    else:
        write_text(target, text)


@pipeline.command()
@_FILE
@_VALUES
@_PARAMETERS
@click.option("--local", is_flag=True, help="On this machine: no Docker, no cluster.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("local_outputs"),
    show_default=True,
    help="Where the artifacts go.",
)
@click.option("--timeout", type=Number(min=1), default=3600.0, show_default=True)
def run(
    file: Path,
    values: Path | None,
    parameters: tuple[str, ...],
    local: bool,
    root: Path,
    timeout: float,
) -> None:
    """Run the pipeline on this machine, task by task, and tell how it goes.

    Each task is a process with the packages that are installed here.

    \b
      headrace pipeline run --local pipeline.yaml --parameters churn.yaml \\
        -p version=2 -p schema=@schema.yaml
    """
    from headrace.demo.narrator import Narrator, pipeline_progress
    from headrace.pipelines.arguments import read_arguments
    from headrace.pipelines.local_run import run_pipeline

    if not local:
        raise InvalidInput(
            "Say --local to run it on this machine; headrace pipeline submit runs it in a cluster."
        )
    console = Console()
    with _compiled(file) as ready, Narrator(console) as narrator:
        arguments = read_arguments(ready, parameters, values)
        narrator.doing("the pipeline starts")
        ended = run_pipeline(ready, arguments, root, pipeline_progress(narrator), timeout)
    for name, value in ended.outputs.items():
        console.print(f"{name} = {value}", markup=False, highlight=False, soft_wrap=True)


def _backend(command: Command) -> Command:
    for option in (
        click.option(
            "--experiment", default="headrace", show_default=True, help="The group of its runs."
        ),
        click.option("-n", "--namespace", default="", help="Where several users share a backend."),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            help="A file with a bearer token.",
        ),
        click.option(
            "--host",
            required=True,
            envvar="KF_PIPELINES_ENDPOINT",
            metavar="URL",
            help="The KFP backend.",
        ),
        _PARAMETERS,
        _VALUES,
        _FILE,
    ):
        command = option(command)
    return command


@pipeline.command()
@_backend
@click.option("--name", default="", help="Of the run.  [default: the file and the time]")
def submit(
    file: Path,
    values: Path | None,
    parameters: tuple[str, ...],
    host: str,
    token_file: Path | None,
    namespace: str,
    experiment: str,
    name: str,
) -> None:
    """Start one run of the pipeline at a KFP backend, and print its page.

    \b
      headrace pipeline submit pipeline.yaml --host http://localhost:8888 -p release=2
    """
    from headrace.pipelines.arguments import read_arguments

    with _compiled(file) as ready:
        arguments = read_arguments(ready, parameters, values)
        backend = _connected(host, namespace, token_file)
        title = name or f"{_name(file)} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        run_id = backend.submit(ready, arguments, experiment, title)
    click.echo(backend.run_link(run_id))


@pipeline.command()
@_backend
@click.option("--name", default="", help="Of the schedule.  [default: the file's]")
@click.option(
    "--cron",
    required=True,
    metavar="'S M H DAY MONTH WEEKDAY'",
    help="Six fields, seconds first, such as '0 0 6 * * MON-FRI'; UTC unless the backend differs.",
)
def schedule(
    file: Path,
    values: Path | None,
    parameters: tuple[str, ...],
    host: str,
    token_file: Path | None,
    namespace: str,
    experiment: str,
    name: str,
    cron: str,
) -> None:
    """Run the pipeline again and again at a KFP backend, one run at a time.

    Takes the place of the schedule that has this name. What was missed is not made up for.

    \b
      headrace pipeline schedule pipeline.yaml --host http://localhost:8888 \\
        --cron '0 0 6 * * *' --name retrain-daily
    """
    from headrace.pipelines.arguments import read_arguments
    from headrace.pipelines.cron import next_times

    times = next_times(cron, datetime.now(UTC))
    with _compiled(file) as ready:
        arguments = read_arguments(ready, parameters, values)
        title = name or _name(file)
        made = _connected(host, namespace, token_file).schedule(
            ready, arguments, experiment, title, cron
        )
    replaced = f", in place of {', '.join(made.replaced)}" if made.replaced else ""
    click.echo(f"{title} is scheduled as {made.id}{replaced}")
    click.echo("next: " + ", ".join(f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in times))


def _connected(host: str, namespace: str, token_file: Path | None) -> Backend:
    from headrace.pipelines.backend import Backend

    try:
        token = token_file.read_text(encoding="ascii").strip() if token_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{token_file} cannot be read as a token: {error}.") from error
    return Backend(host, namespace, token)


def _name(file: Path) -> str:
    """Name a pipeline by its file, or by its folder where all files have one name."""
    return file.resolve().parent.name if file.stem == "pipeline" else file.stem


@contextmanager
def _compiled(file: Path) -> Iterator[Path]:
    """Give a compiled pipeline: the file itself, or what it compiles to."""
    if file.suffix in (".yaml", ".yml"):
        from headrace.pipelines.arguments import parameters_of

        parameters_of(file)  # anything else is refused here
        yield file
        return
    from headrace.pipelines.compile import compile_definition

    with tempfile.TemporaryDirectory(prefix="headrace-pipeline-") as directory:
        target = Path(directory) / f"{_name(file)}.yaml"
        target.write_text(compile_definition(file), encoding="utf-8")
        yield target
