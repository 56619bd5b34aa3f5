"""The page about the numbers says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from headrace.api import Traffic
from headrace.cli.controller import SETTLE
from headrace.engine.counters import NAMESPACE
from headrace.engine.plan import Plan
from headrace.metrics import access, replicas
from headrace.render.counters import counters_of
from headrace.render.pods import METRICS_PORT, scrape_annotations
from tests.unit.render.rollouts import built, model

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
PLAN = Plan(stable=model("6"), candidate=model("7"), traffic=Traffic(stable=100, mirror=20))


@pytest.mark.parametrize("router", ["GatewayAPI", "Istio", "Seldon", "None"])
def test_the_table_names_the_counters_of_a_router(router: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{router}`"))
    rollout = built(backend="Seldon" if router == "Seldon" else "Kubernetes", router=router)
    counters = counters_of(rollout, PLAN).by_metric.values()
    assert re.findall(r"`(\w+)`", row)[1:] == [each.selector.name for each in counters]


def test_every_variable_is_explained() -> None:
    known = {*access.COMPANIONS, "URL"}
    assert set(re.findall(rf"^\| `{access.PREFIX}(\w+)`", PAGE, re.MULTILINE)) == known
    assert f"`{access.TENANT_HEADER}`" in PAGE


def test_ports_and_labels_are_those_of_the_code() -> None:
    assert f"port {METRICS_PORT}, `/metrics`" in PAGE
    assert all(f"`{label}`" in PAGE for label in replicas.REPLICA_LABELS)
    assert SETTLE == 1.0
    assert "longer than a second, for which the controller waits" in PAGE


def test_the_scrape_configuration_follows_the_annotations_and_names_the_namespace() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (job,) = yaml.safe_load(block)["scrape_configs"]
    rollout = built(monitoring={"provider": "Annotations"})
    annotations = scrape_annotations(rollout, METRICS_PORT)
    sources = [label for rule in job["relabel_configs"] for label in rule["source_labels"]]
    for name in annotations:
        assert f"__meta_kubernetes_pod_annotation_{re.sub('[./]', '_', name)}" in sources
    (namespace,) = (
        rule for rule in job["relabel_configs"] if rule.get("target_label") == NAMESPACE
    )
    assert namespace["source_labels"] == ["__meta_kubernetes_namespace"]
