"""Prometheus' clock, as far as it is provably another than ours.

Samples have the time of Prometheus' clock, and windows of queries end by it. Its HTTP answers say
the time in whole seconds, so that clocks which are nearly right are taken for the same.
"""

from __future__ import annotations

import math
import threading
import time
from email.utils import parsedate_to_datetime

_ALIKE = 1.0
"""Seconds of difference that need no correction: less than a scrape, and than `Date` can show."""


class ServerClock:
    """What is known of a server's clock, from the answers that it sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By how much it is ahead of our monotonic clock, which nobody sets.
        self._least, self._most = -math.inf, math.inf

    def note(self, date: str, sent: float, received: float) -> None:
        """Learn from an answer.

        Args:
            date: Its header `Date`; what is none teaches nothing.
            sent: When it was asked for, by our monotonic clock.
            received: When it was here, by the same.
        """
        try:
            shown = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError, OverflowError):
            return
        # The server wrote it between the two, within the second that it shows.
        with self._lock:
            self._least, self._most = shown - received, shown + 1 - sent

    def offset(self, now: float) -> float:
        """Give the seconds by which it is ahead of our clock; 0 if that may be a second or less.

        Never more than it is, and at most a second and the time of an answer less.

        Args:
            now: By our clock, Unix seconds.
        """
        ours = now - time.monotonic()
        with self._lock:
            least, most = self._least - ours, self._most - ours
        return 0.0 if least <= _ALIKE and most >= -_ALIKE else least
