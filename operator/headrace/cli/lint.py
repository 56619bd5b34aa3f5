"""`headrace lint`."""

from __future__ import annotations

import json
import sys

import click

from headrace.cli.today import error_rate_of_today, rate_of_today
from headrace.lint.linter import Options, Report
from headrace.lint.linter import lint as lint_sources
from headrace.lint.sources import read_sources

_CLEAN, _FINDINGS, _UNREAD = 0, 1, 2


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["human", "json", "sarif"]),
    default="human",
    show_default=True,
    help="How to write the findings.",
)
@click.option("--strict", is_flag=True, help="Warnings make the exit code 1, too.")
@rate_of_today("also look whether the proofs can come in time.")
@error_rate_of_today
@click.option("--online", is_flag=True, help="Also try whether the models' uris can be read.")
def lint(
    files: tuple[str, ...],
    form: str,
    strict: bool,
    rate: float | None,
    error_rate: float,
    online: bool,
) -> None:
    """Find what is wrong, or unwise, in ModelRollouts.

    FILES are files, folders (searched for YAML and JSON) or `-`; a file may have several
    documents. Every fault is named at once, with its line. Nothing is asked of a cluster.

    Exit codes: 0 no findings (warnings are allowed without --strict), 1 findings, 2 a file could
    not be read, or the command was wrong.
    """
    report = lint_sources(list(read_sources(files)), Options(rate, error_rate, online))
    _write(report, form)
    if report.unread:
        sys.exit(_UNREAD)
    sys.exit(_FINDINGS if report.errors or (strict and report.warnings) else _CLEAN)


def _write(report: Report, form: str) -> None:
    if form == "human":
        from rich.console import Console

        from headrace.lint.terminal import print_report

        print_report(report, Console(highlight=False))
        return
    from headrace.lint.machine import as_json, as_sarif

    written = as_json(report) if form == "json" else as_sarif(report)
    click.echo(json.dumps(written, indent=2, ensure_ascii=False))
