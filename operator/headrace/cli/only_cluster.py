"""What tells commands that they were called by kubectl."""

from __future__ import annotations

ONLY_CLUSTER = "cluster"
"""The object of click's context in the plugin, which knows nothing but clusters."""
