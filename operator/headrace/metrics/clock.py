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

_DRIFT = 1e-3
"""Seconds by which two clocks may part in a second: some ten times what they do."""


class ServerClock:
    """What is known of a server's clock, from the answers that it sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By how much it is ahead of our monotonic clock, which nobody sets, as seen when.
        self._least, self._most, self._seen = -math.inf, math.inf, 0.0

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
        with self._lock:
            drift = _DRIFT * (received - self._seen)
            # The server wrote it between the two, within the second that it shows.
            least = max(shown - received, self._least - drift)
            most = min(shown + 1 - sent, self._most + drift)
            if least > most:
                # Its clock was set since.
                least, most = shown - received, shown + 1 - sent
            self._least, self._most, self._seen = least, most, received

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
