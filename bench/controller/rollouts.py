"""The rollouts that are measured."""

from __future__ import annotations

from typing import Any

from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT

NAMESPACE = "bench"

Steps = tuple[dict[str, Any], ...]

ONE_STEP: Steps = ({"weight": 20, "hold": "3h"},)

CHECKS = (
    {"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 1.5}},
    {"name": "latency", "metric": "latency", "worseThanStable": {"ratio": 1.2, "quantile": 0.95}},
)


def ladder(by: int) -> Steps:
    """Give steps of a tick each, from 2 % to 80 %."""
    return tuple({"weight": weight, "hold": "1s"} for weight in range(2, 81, by))


def rollout(index: int, version: int, steps: Steps) -> dict[str, Any]:
    """Give a ModelRollout that asks for a version."""
    name = f"model-{index:04}"
    model = {
        "name": name,
        "version": str(version),
        "uri": f"s3://models/{index}/{version}",
        "digest": f"sha256:{version:064x}",
    }
    return {
        "apiVersion": MODEL_ROLLOUT.api_version,
        "kind": MODEL_ROLLOUT.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "model": model,
            "routing": {"provider": "Istio", "gateway": {"name": "models"}},
            "strategy": {"canary": {"steps": list(steps)}},
            "analysis": {"interval": "15s", "checks": list(CHECKS)},
        },
    }
