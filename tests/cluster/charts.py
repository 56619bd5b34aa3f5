"""Helm, as tests ask it: what it makes of a chart, or why not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from headrace.render.helm import Chart
from headrace.render.manifest import Manifest
from tests.cluster.programs.catalogue import program

ROOT = Path(__file__).parents[2]
CONTROLLER = ROOT / "helm/headrace"
ROLLOUT = ROOT / "helm/model-rollout"
ROLLOUT_VALUES = ROLLOUT / "ci/canary-values.yaml"

_OF_A_CLUSTER = ("--kube-version", "1.36.0")
"""Said where no cluster is asked: a Helm that was built from source knows of none."""


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm, whatever it says."""
    command = [str(program("helm")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def templated(name: str, chart: Path, *arguments: str | Path) -> list[Manifest]:
    """Give what a release would have."""
    said = helm("template", name, chart, *arguments, *_OF_A_CLUSTER)
    assert said.returncode == 0, said.stderr
    return ordered(yaml.load_all(said.stdout, yaml.CSafeLoader))


def refusal(chart: Path, *arguments: str | Path, name: str = "x") -> str:
    """Give why Helm makes nothing of a chart."""
    said = helm("template", name, chart, *arguments, *_OF_A_CLUSTER)
    assert said.returncode != 0
    return said.stderr


def complaints(chart: Path, *arguments: str | Path) -> str:
    """Give what `helm lint --strict` has against a chart; nothing is expected."""
    said = helm("lint", "--strict", chart, *arguments, *_OF_A_CLUSTER)
    return said.stdout if said.returncode or "[WARNING]" in said.stdout else ""


def ordered(manifests: Iterable[Any]) -> list[Manifest]:
    """Leave out empty documents, and order them: Helm has an order of its own."""
    return sorted(filter(None, manifests), key=lambda m: (m["kind"], m["metadata"]["name"]))


def written(files: Chart, folder: Path) -> Path:
    """Write a chart into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
