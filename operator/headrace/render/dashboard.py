"""A Grafana dashboard of one rollout: every version side by side, from its own counters."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from headrace.api import ModelRollout
from headrace.render.labels import rollout_labels
from headrace.render.manifest import Manifest, manifest
from headrace.render.names import rollout_name

_LABEL = "grafana_dashboard"
"""What Grafana's sidecar looks for."""

_KEY, _UID = "<namespace/name>", "<name>"

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
    # A model's name is a DNS label, and needs no quoting; a key is any text.
    text = _text(rollout.spec.model.name).replace(_KEY, json.dumps(rollout.key)[1:-1])
    text = text.replace(_UID, rollout_name(rollout)[:40])
    return manifest(
        "v1",
        "ConfigMap",
        f"{rollout_name(rollout)}-dashboard",
        rollout.metadata.namespace,
        {**rollout_labels(rollout), _LABEL: "1"},
        {"data": {f"{rollout_name(rollout)}.json": text}},
    )


@lru_cache(maxsize=256)
def _text(model: str) -> str:
    """Write the dashboard of a model; what differs from rollout to rollout is filled in later."""
    return json.dumps(_dashboard(model), indent=2) + "\n"


def _dashboard(model: str) -> dict[str, Any]:
    return {
        "title": f"Headrace: {_KEY}",
        "uid": _UID,
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
            _panel(model, index, title, unit, expression)
            for index, (title, unit, expression) in enumerate(_PANELS)
        ],
    }


def _panel(model: str, index: int, title: str, unit: str, expression: str) -> dict[str, Any]:
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
                "expr": expression.replace("$model", f'"{model}"'),
                "legendFormat": "{{version}}",
            }
        ],
    }
