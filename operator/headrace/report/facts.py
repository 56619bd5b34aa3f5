"""What `status` and `why` both show of a rollout on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from headrace.api import Challenger, Requests
from headrace.report import wording

OUTCOME_STYLES: dict[str, str] = {
    "Live": "blue",
    "Promoted": "green",
    "RolledBack": "red",
    "Superseded": "dim",
    "Discarded": "dim",
    "InProgress": "yellow",
}


def requests_text(requests: Requests, challengers: Sequence[Challenger] = ()) -> Text:
    """Tell who had how many requests, and how many of them failed.

    Args:
        requests: Of stable, of the first candidate, and of copies.
        challengers: The other candidates.
    """
    arms = [
        ("stable", requests.stable, requests.failed_stable),
        ("candidate", requests.candidate, requests.failed_candidate),
        *(
            (c.model.version, c.requests.candidate, c.requests.failed_candidate)
            for c in challengers
        ),
        ("copied", requests.mirrored, requests.failed_mirrored),
    ]
    text = Text()
    for name, total, failed in arms:
        if total or name == "stable":
            text.append(", " if text else "")
            text.append(f"{name} {wording.count(total)}")
            text.append(f" ({wording.count(failed)} failed)", style="red" if failed else "dim")
    return text
