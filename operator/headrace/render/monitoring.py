"""How Prometheus finds the servers, which alerts there are, and what Grafana shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.api import AbTest, Bandit, ModelRollout
from headrace.api.fields import format_duration
from headrace.render.dashboard import dashboard
from headrace.render.labels import ROLLOUT, rollout_labels
from headrace.render.manifest import Manifest, manifest
from headrace.render.names import rollout_name
from headrace.render.pods import metrics_port_name

PHASE = "headrace_rollout_phase"
"""Of the controller: 1 for the phase that a rollout is in, 0 for the others."""

OUTCOME = "headrace_check_outcome"
"""Of the controller: 1 for the outcome of a check, 0 for the others."""


def monitoring(rollout: ModelRollout) -> list[Manifest]:
    """Render what the spec asks for; annotations are on the pods already."""
    rendered = []
    if rollout.spec.monitoring.provider == "PrometheusOperator":
        rendered += [_pod_monitor(rollout), _rules(rollout)]
    if rollout.spec.monitoring.dashboard:
        rendered.append(dashboard(rollout))
    return rendered


def _pod_monitor(rollout: ModelRollout) -> Manifest:
    interval = format_duration(rollout.spec.analysis.interval)
    port = metrics_port_name(rollout)
    endpoints = [{"port": port, "path": "/metrics", "interval": interval}]
    if rollout.spec.serving.backend == "Seldon":
        # Of Seldon's orchestrator.
        endpoints.append({"port": "metrics", "path": "/prometheus", "interval": interval})
    spec = {
        "selector": {"matchLabels": {ROLLOUT: rollout.metadata.name}},
        "podMetricsEndpoints": endpoints,
    }
    return _object("PodMonitor", rollout, spec)


def _rules(rollout: ModelRollout) -> Manifest:
    key = f'namespace="{rollout.metadata.namespace}",rollout="{rollout.metadata.name}"'
    name = rollout.key
    rules = [
        _alert(
            "HeadraceRolledBack",
            f'{PHASE}{{{key},phase="RolledBack"}} == 1',
            "0s",
            "warning",
            f"{name} was rolled back",
            "The new version stays out until the spec names another one.",
        ),
        _alert(
            "HeadraceStuck",
            f'{PHASE}{{{key},phase=~"Progressing|Promoting|RollingBack"}} == 1',
            format_duration(_longest(rollout)),
            "warning",
            f"{name} has been in phase {{{{ $labels.phase }}}} for longer than it may",
            "Something keeps it from going on.",
        ),
        _alert(
            "HeadraceBlind",
            f'max by (check) ({OUTCOME}{{{key},outcome=~"NoData|Error"}}) == 1',
            format_duration(rollout.spec.analysis.no_data_timeout),
            "warning",
            f"{name}: the check {{{{ $labels.check }}}} sees nothing",
            "No numbers come from Prometheus; nothing is promoted meanwhile.",
        ),
        _alert(
            "HeadraceControllerAbsent",
            f"absent({PHASE}{{{key}}})",
            "10m",
            "critical",
            f"nobody watches {name}",
            "The controller does not run, or Prometheus does not scrape it.",
        ),
    ]
    return _object("PrometheusRule", rollout, {"groups": [{"name": "headrace", "rules": rules}]})


def _longest(rollout: ModelRollout) -> float:
    """Give the seconds after which a rollout must have ended, with time for its end."""
    chosen = rollout.spec.strategy.chosen
    longest = rollout.spec.analysis.max_duration
    if isinstance(chosen, AbTest | Bandit):
        longest = chosen.max_duration
    return longest + 3600.0


def _alert(
    name: str, expression: str, lasting: str, severity: str, summary: str, description: str
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": {
            "summary": summary,
            "description": f"{description} `headrace status` says why.",
        },
    }


def _object(kind: str, rollout: ModelRollout, spec: Mapping[str, Any]) -> Manifest:
    return manifest(
        "monitoring.coreos.com/v1",
        kind,
        rollout_name(rollout),
        rollout.metadata.namespace,
        rollout_labels(rollout),
        {"spec": dict(spec)},
    )
