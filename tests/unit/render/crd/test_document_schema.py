"""The schema for editors takes what the parser takes."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.api import ModelRollout
from headrace.cli.starter import NO_DIGEST, STRATEGIES, Starter
from headrace.render.crd import document_schema
from tests.unit.render.crd.json_schema import problems

ROOT = Path(__file__).parents[4]
SCHEMA = document_schema()


def starter(strategy: str) -> dict[str, Any]:
    text = Starter("m", "default", "1", "s3://m/1", NO_DIGEST, strategy).written()
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def documents() -> list[tuple[str, dict[str, Any]]]:
    found = [(strategy, starter(strategy)) for strategy in STRATEGIES]
    for file in (ROOT / "docs/examples/rollout.yaml", ROOT / "operator/headrace/demo/rollout.yaml"):
        whole = yaml.safe_load(file.read_text("utf-8"))
        # Their version is named later, by `headrace bundle --rollout` and by the pipeline.
        whole["spec"]["model"] = starter("canary")["spec"]["model"]
        found.append((file.parent.name, whole))
    for page in ("strategies.md", "checks.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        # YAML 1.1, which Python reads, takes 2e9 for a text; the YAML of Kubernetes does not.
        text = text.replace("2e9", "2.0e+9")
        for index, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
            part, whole = yaml.safe_load(block), copy.deepcopy(starter("canary"))
            if isinstance(part, list):
                whole["spec"]["analysis"]["checks"] = part
            else:
                whole["spec"].update(part)
            found.append((f"{page} {index}", whole))
    return found


def faults(document: dict[str, Any]) -> list[str]:
    return list(problems(SCHEMA, document, SCHEMA, ""))


@pytest.mark.parametrize("document", [pytest.param(d, id=n) for n, d in documents()])
def test_every_example_is_as_the_schema_has_it(document: dict[str, Any]) -> None:
    assert faults(document) == []


def test_a_rollout_with_its_status_is_as_the_schema_has_it() -> None:
    rollout = ModelRollout.model_validate(starter("canary"))
    written = rollout.model_dump(mode="json", exclude_none=True)
    assert "status" in written
    assert faults(written) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "model", "digest"), "latest"),
        (("spec", "strategy"), {}),
        (("spec", "strategy"), {"shadow": {"hold": "1h"}, "abTest": {"goal": "reward"}}),
        (("spec", "strategy"), {"shadow": {"hold": 60}}),
        (("spec", "strategy"), {"shadow": {"hold": "soon"}}),
        (("spec", "analysis", "checks"), []),
        (("spec", "routing", "provider"), "Nginx"),
        (("spec", "serving", "replicas"), 0),
        (("spec", "rooting"), {}),
        (("kind",), "ModelRolout"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(path: tuple[str, ...], value: object) -> None:
    document = starter("canary")
    *parents, last = path
    here = document
    for part in parents:
        here = here[part]
    here[last] = value
    assert faults(document)
