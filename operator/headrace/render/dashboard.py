"""A Grafana dashboard of one rollout: every version side by side, from its own counters."""

from __future__ import annotations

import json
from typing import Any

from headrace.api import ModelRollout
from headrace.render.labels import rollout_labels
from headrace.render.manifest import Manifest, manifest
from headrace.render.names import rollout_name

_LABEL = "grafana_dashboard"
"""What Grafana's sidecar looks for."""

_PANELS = (
    (
        "Answers a second, by version",
        "reqps",
        "sum by (version) (rate(headrace_requests_total{model=$model}[$__rate_interval]))",
    ),
    (
        "Share of failed answers, by version",
        "percentunit",
        (
            'sum by (version) (rate(headrace_requests_total{model=$model,code="500"}'
            "[$__rate_interval])) / "
            "sum by (version) (rate(headrace_requests_total{model=$model}[$__rate_interval]))"
        ),
    ),
    (
        "95th percentile of the time for an answer, by version",
        "s",
        (
            "histogram_quantile(0.95, sum by (version, le) "
            "(rate(headrace_request_seconds_bucket{model=$model}[$__rate_interval])))"
        ),
    ),
    (
        "Mean reward, by version",
        "none",
        (
            "sum by (version) (rate(headrace_reward_sum{model=$model}[$__rate_interval])) / "
            "sum by (version) (rate(headrace_reward_count{model=$model}[$__rate_interval]))"
        ),
    ),
    (
        "Mean prediction, by version",
        "none",
        (
            "sum by (version) (rate(headrace_prediction_sum{model=$model}[$__rate_interval])) / "
            "sum by (version) (rate(headrace_prediction_count{model=$model}[$__rate_interval]))"
        ),
    ),
    (
        "Shadow answers that differ, by version",
        "reqps",
        (
            "sum by (version) (rate(headrace_shadow_disagreements_total{model=$model}"
            "[$__rate_interval]))"
        ),
    ),
)


def dashboard(rollout: ModelRollout) -> Manifest:
    """Render the ConfigMap."""
    text = json.dumps(_dashboard(rollout), indent=2) + "\n"
    return manifest(
        "v1",
        "ConfigMap",
        f"{rollout_name(rollout)}-dashboard",
        rollout.metadata.namespace,
        {**rollout_labels(rollout), _LABEL: "1"},
        {"data": {f"{rollout_name(rollout)}.json": text}},
    )


def _dashboard(rollout: ModelRollout) -> dict[str, Any]:
    return {
        "title": f"Headrace: {rollout.key}",
        "uid": rollout_name(rollout)[:40],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "panels": [
            _panel(rollout, index, title, unit, expression)
            for index, (title, unit, expression) in enumerate(_PANELS)
        ],
    }


def _panel(
    rollout: ModelRollout, index: int, title: str, unit: str, expression: str
) -> dict[str, Any]:
    model = json.dumps(rollout.spec.model.name)
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"x": 12 * (index % 2), "y": 8 * (index // 2), "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": "A",
                "datasource": source,
                "expr": expression.replace("$model", model),
                "legendFormat": "{{version}}",
            }
        ],
    }
