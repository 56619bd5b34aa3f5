"""Where commands find rollouts on this machine."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import click

from headrace.controller.store import RolloutStore, find_store


def home() -> Path:
    """Give the folder of all local rollouts: `HEADRACE_HOME`, else `.headrace` here."""
    return Path(os.environ.get("HEADRACE_HOME") or ".headrace")


def store_of(name: str | None) -> RolloutStore:
    """Find a rollout by name, or the only one; those of the demo are found by `demo`."""
    base = home()
    if name == "demo":
        return find_store(base / "demo", None)
    return find_store(base, name)


def person() -> str:
    """Give who is asking, for the history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


NAME = click.argument("name", required=False)
"""The rollout: `name`, `namespace/name`, or `demo`; may be left out when there is only one."""
