"""Parts that the specs of many rollouts have alike are one object in memory.

A team's rollouts have the same steps and the same checks, and parsed those are most of a spec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from headrace.api import ModelRollout
from headrace.api.fields import Part

_SHARED = ("strategy", "analysis", "serving", "routing", "monitoring")


class Alike:
    """Remembers parts of specs for as long as a rollout has them."""

    def __init__(self) -> None:
        self._parts: WeakValueDictionary[str, Part] = WeakValueDictionary()

    def __len__(self) -> int:
        """Give the number of parts that somebody has."""
        return len(self._parts)

    def share(self, rollout: ModelRollout, spec: Mapping[str, Any]) -> ModelRollout:
        """Give a rollout the parts of others, where they are the same.

        Args:
            rollout: Parsed.
            spec: Of which it was parsed: what is written alike means the same.
        """
        parsed = rollout.spec
        parts = {
            name: self._parts.setdefault(_written(name, spec[name]), getattr(parsed, name))
            for name in _SHARED
            if name in spec
        }
        return rollout.model_copy(update={"spec": parsed.model_copy(update=parts)})


def _written(name: str, part: object) -> str:
    return f"{name} {json.dumps(part, sort_keys=True, separators=(',', ':'))}"
