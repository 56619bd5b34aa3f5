"""Sends requests at a steady rate, in order, and tells the arm that answered how good it was."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence

import aiohttp

from headrace.load.counts import Ledger
from headrace.load.requests import Line
from headrace.protocol import FEEDBACK, PREDICTIONS, VERSION_HEADER
from headrace.serving.comparison import reward_of

_TIMEOUT = aiohttp.ClientTimeout(total=15.0)
_MOST_OPEN = 256


class Sender:
    """Sends lines one after the other, not faster than a rate.

    A line that is due is sent even while earlier ones are open (an open loop, as users are), up
    to a bound; beyond it the sender waits, so that a dead server is not buried.
    """

    def __init__(
        self, url: str, rate: float, feedback: float, threshold: float, host: str = ""
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: The router's address.
            rate: Requests a second, > 0.
            feedback: Share of the answers with a known label that get feedback, in [0, 1].
            threshold: A probability above it counts as a positive answer.
            host: What the requests name as their host; by default that of the address.
        """
        self._url, self._rate, self._feedback = url, rate, feedback
        self._headers = {"content-type": "application/json", **({"host": host} if host else {})}
        self._threshold = threshold
        self._owed = 0.0
        self.ledger = Ledger()

    async def send(
        self, lines: Sequence[Line], count: int, seconds: float, on_second: Callable[[], None]
    ) -> None:
        """Send until `count` requests are sent or `seconds` have passed; then wait for answers.

        Args:
            lines: Sent in order, from the start again when they end.
            count: Upper bound of requests.
            seconds: Upper bound of time.
            on_second: Called about once a second.
        """
        connector = aiohttp.TCPConnector(limit=_MOST_OPEN)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
            begun = time.monotonic()
            told = begun
            open_requests: set[asyncio.Task[None]] = set()
            try:
                for index in range(count):
                    due = begun + index / self._rate
                    if due - begun > seconds:
                        break
                    now = time.monotonic()
                    if now - told >= 1.0:
                        told = now
                        on_second()
                    if due > now:
                        await asyncio.sleep(due - now)
                    if len(open_requests) >= _MOST_OPEN:
                        await asyncio.wait(open_requests, return_when=asyncio.FIRST_COMPLETED)
                    task = asyncio.create_task(self._one(session, lines[index % len(lines)]))
                    open_requests.add(task)
                    task.add_done_callback(open_requests.discard)
            finally:
                if open_requests:
                    await asyncio.wait(open_requests, timeout=_TIMEOUT.total)
                on_second()

    async def _one(self, session: aiohttp.ClientSession, line: Line) -> None:
        self.ledger.sent += 1
        try:
            async with session.post(
                self._url + PREDICTIONS, data=line.body, headers=self._headers
            ) as response:
                version = response.headers.get(VERSION_HEADER, "-")
                body = await response.read()
                if response.status != 200:
                    self.ledger.failed[f"{version}: HTTP {response.status}"] += 1
                    return
        except (aiohttp.ClientError, TimeoutError) as error:
            self.ledger.failed[f"-: {type(error).__name__}"] += 1
            return
        self.ledger.answered[version] += 1
        await self._tell(session, line, version, body)

    async def _tell(
        self, session: aiohttp.ClientSession, line: Line, version: str, body: bytes
    ) -> None:
        if line.label is None or self._feedback <= 0:
            return
        self._owed += self._feedback
        if self._owed < 1.0:
            return
        self._owed -= 1.0
        answer = json.loads(body)["data"]["ndarray"][0]
        value = answer[0] if isinstance(answer, list) else answer
        reward = reward_of(value, line.label, threshold=self._threshold, tolerance=line.tolerance)
        if reward is None:
            return
        headers = {**self._headers, VERSION_HEADER: version}
        try:
            async with session.post(
                self._url + FEEDBACK, data=json.dumps({"reward": reward}), headers=headers
            ) as response:
                taken = response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            # Feedback for a version that has just gone has no receiver. It is not the user's loss.
            taken = False
        if taken:
            self.ledger.rewarded[version] += 1
            self.ledger.right[version] += int(reward)
