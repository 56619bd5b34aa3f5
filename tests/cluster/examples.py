"""The rendered examples of the repository, stage by stage, for an API server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from headrace.api import load_rollout
from headrace.render.examples import BEFORE, ROLLOUT
from headrace.render.stages import stages
from tests.cluster.api_server import Object

FOLDER = Path(__file__).parents[2] / "manifests" / "examples"
EXAMPLES = tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{ROLLOUT}")))

Key = tuple[str, str]
"""An object's kind and name; all are in one namespace."""


@dataclass(frozen=True, slots=True)
class Step:
    """One golden file.

    Attributes:
        name: The stage, such as `canary:25`.
        objects: What it holds, in the order in which it is applied.
    """

    name: str
    objects: dict[Key, Object]


def golden(example: str) -> dict[str, Step]:
    """Give the golden files of an example by their stages, in the order of a rollout."""
    folder = FOLDER / example
    rollout = load_rollout(folder / ROLLOUT)
    names = [each.name for each in stages(rollout, load_rollout(folder / BEFORE).spec.model)]
    return {name: Step(name, _objects(folder / "rendered" / _file(name))) for name in names}


def _file(stage: str) -> str:
    return f"{stage.replace(':', '-')}.yaml"


def _objects(path: Path) -> dict[Key, Object]:
    documents = yaml.load_all(path.read_text("utf-8"), yaml.CSafeLoader)
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def into(namespace: str, manifest: Object) -> Object:
    """Give a manifest for another namespace; what it says of other objects stays as it is."""
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
