"""Sends what was learned to the arm that answered, by the route that takes feedback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from headrace.errors import PlatformUnavailable
from headrace.labels.store import LabelStore
from headrace.protocol import FEEDBACK, VERSION_HEADER

_BATCH = 20
"""Rewards that are lost at most where the sender is killed, or nobody answers."""

_TIMEOUT = 10.0


@dataclass(frozen=True)
class Sent:
    """What became of feedback, by version.

    Attributes:
        taken: What its servers have counted.
        refused: What had no receiver, because the version runs no more.
    """

    taken: Mapping[str, int]
    refused: Mapping[str, int]


def send_rewards(store: LabelStore, url: str, host: str = "") -> Sent:
    """Send all feedback that is due.

    Args:
        store: Knows it; what was taken from there is never sent again.
        url: Of the router in front of the versions.
        host: What the requests name as their host; by default that of the address.

    Raises:
        PlatformUnavailable: Nobody answers there; what is not sent yet stays due.
    """
    taken: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    with requests.Session() as session:
        if host:
            session.headers["host"] = host
        while rewards := store.take_rewards(_BATCH):
            for each in rewards:
                try:
                    answer = session.post(
                        url.rstrip("/") + FEEDBACK,
                        json={"reward": each.reward},
                        headers={VERSION_HEADER: each.version},
                        timeout=_TIMEOUT,
                    )
                except requests.RequestException as error:
                    raise PlatformUnavailable(
                        f"Feedback cannot be sent to {url}: {error}. At most {_BATCH} rewards are "
                        "lost; the others are sent the next time."
                    ) from error
                (taken if answer.ok else refused)[each.version] += 1
    return Sent(dict(taken), dict(refused))
