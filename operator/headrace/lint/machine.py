"""Findings for programs: plain JSON, and SARIF 2.1.0 for code hosts and editors."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from headrace import __version__
from headrace.lint.catalogue import RULES
from headrace.lint.finding import Finding, Rule
from headrace.lint.linter import Report

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(report: Report) -> dict[str, Any]:
    """Give a report as plain JSON."""
    return {
        "rollouts": report.rollouts,
        "errors": report.errors,
        "warnings": report.warnings,
        "unread": [{"file": one.name, "problem": one.problem} for one in report.unread],
        "findings": [_finding(finding) for finding in report.findings],
    }


def as_sarif(report: Report) -> dict[str, Any]:
    """Give a report as a SARIF 2.1.0 log with one run."""
    notes = [
        {
            "level": "error",
            "message": {"text": f"{one.name}: {one.problem}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(one.name)}}}],
        }
        for one in report.unread
    ]
    invocation: dict[str, Any] = {"executionSuccessful": not notes}
    if notes:
        invocation["toolExecutionNotifications"] = notes
    driver = {
        "name": "headrace lint",
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in RULES],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in report.findings],
    }
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.rule.code,
        "name": finding.rule.name,
        "level": finding.rule.level.value,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "path": finding.path,
        "problem": finding.problem,
        "fix": finding.fix,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": f"{rule.summary} {rule.why}"},
        "help": {"text": rule.why},
        "defaultConfiguration": {"level": rule.level.value},
    }


def _result(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(finding.file)},
            "region": {"startLine": finding.line, "startColumn": finding.column},
        }
    }
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    return {
        "ruleId": finding.rule.code,
        "ruleIndex": RULES.index(finding.rule),
        "level": finding.rule.level.value,
        "message": {"text": finding.message},
        "locations": [location],
    }


def _uri(name: str) -> str:
    path = PurePath(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
