"""What the users saw: the client's own ledger, which no server can embellish."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.errors import NotFound


@dataclass
class Ledger:
    """Counts of requests by who answered and how.

    Attributes:
        sent: Requests sent.
        answered: By version (from the response's header), those with status 200.
        failed: By `version: cause`, those without; version `-` where nobody answered.
        rewarded: Feedback requests that were taken, by version.
        right: Sum of their rewards, by version.
    """

    sent: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    rewarded: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return {
            "sent": self.sent,
            "answered": dict(self.answered),
            "failed": dict(self.failed),
            "rewarded": dict(self.rewarded),
            "right": dict(self.right),
        }

    def write(self, path: Path) -> None:
        """Write atomically, so that a reader never sees half of it."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(self.as_dict()), encoding="utf-8")
        draft.replace(path)

    def add(self, other: Ledger) -> None:
        """Add another client's counts."""
        self.sent += other.sent
        for mine, theirs in (
            (self.answered, other.answered),
            (self.failed, other.failed),
            (self.rewarded, other.rewarded),
            (self.right, other.right),
        ):
            mine.update(theirs)


def read_ledger(path: Path) -> Ledger:
    """Read what `Ledger.write` wrote.

    Raises:
        NotFound: Nothing was written yet.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"There is no ledger {path}.") from None
    return Ledger(
        values["sent"],
        Counter(values["answered"]),
        Counter(values["failed"]),
        Counter(values["rewarded"]),
        Counter(values["right"]),
    )
