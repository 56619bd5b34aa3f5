"""Models that did not pass their evaluation: remembered, so that nobody trains the same again.

They are no versions, because nobody may roll them out; each is a run with its scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from headrace.registry.mlflow_registry import Registry
from headrace.registry.names import plain

REJECTED = "headrace.rejected"
_MESSAGE = "headrace.message"


def remember_rejection(
    registry: Registry, name: str, version: str, message: str, scores: Mapping[str, float]
) -> None:
    """Keep that a model did not pass; a second call with the same names changes nothing.

    Args:
        registry: Keeps it.
        name: The model's name.
        version: The name that the version would have had.
        message: Why, in a sentence.
        scores: Of its evaluation; those that are not finite are left out.
    """
    if rejection_of(registry, name, version) is not None:
        return
    registry.log_run(
        f"{name} {version}: not passed",
        params={},
        metrics={key: value for key, value in scores.items() if math.isfinite(value)},
        tags={REJECTED: _key(name, version), _MESSAGE: message},
    )


def rejection_of(registry: Registry, name: str, version: str) -> str | None:
    """Tell why a model did not pass, None where that is not known of it."""
    for tags in registry.runs_with(REJECTED, _key(name, version)):
        return tags.get(_MESSAGE, "")
    return None


def _key(name: str, version: str) -> str:
    return f"{plain(name)}:{plain(version)}"
