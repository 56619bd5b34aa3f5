"""A bundle on its way: fetched in a thread of its own, as it may be large and far away."""

from __future__ import annotations

import threading
from pathlib import Path

from headrace.errors import PermanentError, TemporaryError
from headrace.runtime.local.bundles import BundleCache

FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0


class Fetch:
    """Fetches one bundle, again and again as long as it may still work.

    Args:
        cache: Where it goes.
        uri: Where it is.
        digest: What was registered.

    Attributes:
        path: Its folder once it is here.
        refused: Why it can never be served; empty if it may be.
        problem: Why it is not here yet; empty while all is well.
    """

    def __init__(self, cache: BundleCache, uri: str, digest: str) -> None:
        self.path: Path | None = None
        self.refused = ""
        self.problem = ""
        self._cache = cache
        self._uri, self._digest = uri, digest
        self._cancelled = threading.Event()
        # A daemon: a storage that hangs must not keep us from ending.
        threading.Thread(target=self._run, name=f"fetch {uri}", daemon=True).start()

    def cancel(self) -> None:
        """Stop trying. What is being copied now is left to end by itself."""
        self._cancelled.set()

    def _run(self) -> None:
        delay = FIRST_DELAY
        while not self._cancelled.is_set():
            try:
                self.path = self._cache.fetch(self._uri, self._digest)
            except PermanentError as error:
                self.refused = f"{type(error).__name__}: {error}"
            except TemporaryError as error:
                self.problem = str(error)
                self._cancelled.wait(max(delay, error.retry_after))
                delay = min(2 * delay, LONGEST_DELAY)
                continue
            self.problem = ""
            return
