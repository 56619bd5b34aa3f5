"""Findings for people: `file:line:column: error HR002 ...`, as compilers and editors know it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from headrace.lint.finding import Finding, Level
from headrace.lint.linter import Report

_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow"}


def print_report(report: Report, console: Console) -> None:
    """Print every finding and a last line; colours only where the console is a terminal."""
    for unread in report.unread:
        console.print(Text.assemble((unread.name, "bold"), f": {unread.problem}"), soft_wrap=True)
    for finding in report.findings:
        console.print(_line(finding), soft_wrap=True)
    console.print(Text(_summary(report)), soft_wrap=True)


def _line(finding: Finding) -> Text:
    level = finding.rule.level
    place = f"{finding.file}:{finding.line}:{finding.column}: "
    said = f"{finding.path}: {finding.problem}" if finding.path else finding.problem
    text = Text.assemble(
        (place, "bold"), (f"{level.value} ", _STYLES[level]), (finding.rule.code, "dim"), f" {said}"
    )
    if finding.fix:
        text.append(f"\n    {finding.fix}", style="green")
    return text


def _summary(report: Report) -> str:
    counted = [
        _number(report.rollouts, "rollout"),
        _number(report.errors, "error"),
        _number(report.warnings, "warning"),
    ]
    if report.unread:
        counted.append(f"{len(report.unread)} not read")
    return ", ".join(counted)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
