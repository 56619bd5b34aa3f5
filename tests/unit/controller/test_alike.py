"""Equal parts of specs are one object; others are nobody else's."""

from __future__ import annotations

import gc
from typing import Any

from headrace.api import ModelRollout
from headrace.controller.alike import Alike

CHECK = {"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 1.5}}


def document(name: str, *weights: int) -> dict[str, Any]:
    return {
        "apiVersion": "headrace.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": name, "namespace": "models"},
        "spec": {
            "model": {
                "name": name,
                "version": "1",
                "uri": f"s3://models/{name}/1",
                "digest": "sha256:" + "1" * 64,
            },
            "strategy": {
                "canary": {"steps": [{"weight": weight, "hold": "5m"} for weight in weights]}
            },
            "analysis": {"checks": [CHECK]},
        },
    }


def shared(alike: Alike, given: dict[str, Any]) -> tuple[ModelRollout, ModelRollout]:
    """Give a rollout as it was parsed, and as it is shared."""
    parsed = ModelRollout.model_validate(given)
    return parsed, alike.share(parsed, given["spec"])


def test_rollouts_with_the_same_steps_have_them_once() -> None:
    alike = Alike()
    one, first = shared(alike, document("one", 5, 50))
    two, second = shared(alike, document("two", 5, 50))
    assert first.spec.strategy is second.spec.strategy
    assert first.spec.analysis is second.spec.analysis
    assert (first, second) == (one, two)
    assert second.spec.model.name == "two"


def test_rollouts_with_other_steps_have_their_own() -> None:
    alike = Alike()
    _, first = shared(alike, document("one", 5, 50))
    two, second = shared(alike, document("two", 5, 25))
    assert second == two
    assert second.spec.analysis is first.spec.analysis


def test_what_no_rollout_has_any_more_is_forgotten() -> None:
    alike = Alike()
    kept = [shared(alike, document("one", 5, 50))[1]]
    assert len(alike) > 0
    kept.clear()
    gc.collect()
    assert len(alike) == 0
