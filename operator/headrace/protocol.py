"""What requests to a model look like to all that see them: clients, routers and servers.

Constants only, so that whatever imports this stays as light as it was.
"""

from __future__ import annotations

PREDICTIONS = "/api/v1.0/predictions"
FEEDBACK = "/api/v1.0/feedback"
"""Paths of Seldon's protocol."""

VERSION_HEADER = "x-headrace-version"
"""Which version answered; feedback carries it back."""

ARM_HEADER = "x-headrace-arm"
"""Which arm that was."""

MODEL_HEADER = "x-headrace-model"
"""Of which model."""
