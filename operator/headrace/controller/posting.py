"""Sends JSON to other people's servers, which may be slow, broken or hostile.

One thread with one event loop has all requests under way: each has one deadline for everything, an
answer is read up to a limit, redirects are not followed, and one server never has more than a few
of them. So none can stall a tick, however slowly it drips.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from headrace import __version__
from headrace.errors import TemporaryError

LARGEST = 65_536
"""Bytes of an answer that are read; more is no answer."""

AT_ONCE = 64
PER_SERVER = 4
"""Requests under way, in all and to one server."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        code: The HTTP status; 3xx too, since redirects are not followed.
        body: All of it.
    """

    code: int
    body: bytes


class Poster:
    """Posts JSON. Safe to use from several threads; what it says never has the address in it."""

    def __init__(self) -> None:
        """Start the loop's thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="posts", daemon=True)
        self._thread.start()
        self._session = self._run(self._open()).result()

    def post(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        timeout: float,
        kind: str = "application/json",
    ) -> Future[Reply]:
        """Send an object.

        Args:
            url: Where to.
            body: Of JSON values.
            timeout: Seconds for everything, the wait for a free connection included.
            kind: Its content type.

        Returns:
            The reply. Raises TemporaryError where there is none in time.
        """
        return self._run(self._post(url, json.dumps(body).encode(), timeout, kind))

    def close(self) -> None:
        """End what is under way."""
        self._run(self._close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=AT_ONCE, limit_per_host=PER_SERVER),
            headers={"User-Agent": f"headrace/{__version__}", "Accept": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
        )

    async def _post(self, url: str, body: bytes, timeout: float, kind: str) -> Reply:
        try:
            async with (
                asyncio.timeout(timeout),
                self._session.post(
                    url,
                    data=body,
                    headers={"Content-Type": kind},
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(),
                ) as answer,
            ):
                return Reply(answer.status, await _read(answer.content))
        except TimeoutError as error:
            raise TemporaryError(f"no answer within {timeout:g} s") from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise TemporaryError("its address is none") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryError(f"the request failed: {_cause(error)}") from error

    async def _close(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._session.close()


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > LARGEST:
            raise TemporaryError(f"the answer is larger than {LARGEST} bytes")
    return bytes(body)


def _cause(error: BaseException) -> str:
    # Their own texts may have the address in them, and an address may be a secret.
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error.strerror or type(error.os_error).__name__)
    return type(error).__name__
