"""A proxy before the API server that does to requests what networks and busy servers do.

Real connections, real HTTP: what is tested is what a controller meets. Rules are looked at in order
and the first that fits a request decides; without one it is passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml
from aiohttp import web

from tests.cluster.api_server import ApiServer

_T = TypeVar("_T")
_HOP_BY_HOP = ("transfer-encoding", "connection", "content-length", "content-encoding")


@dataclass(slots=True)
class Fault:
    """What becomes of requests.

    Attributes:
        methods: Those that are meant.
        watches: Whether watches are meant, or only other requests.
        code: What is answered instead; 0 passes the request on.
        headers: Of that answer.
        delay: Seconds to wait before.
        lost: Whether the answer of the real server is thrown away and the connection closed, if
            it says that all is well.
        then: Is called then, before anybody hears of it.
        times: To how many requests it happens.
        after: How many requests that would fit are let through before.
        met: How many requests it has happened to.
        landed: How many of them the real server has carried out, and the answer was lost.
    """

    methods: tuple[str, ...] = ("GET", "PATCH", "POST", "PUT", "DELETE")
    watches: bool = False
    code: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    lost: bool = False
    then: Callable[[], None] = lambda: None
    times: float = float("inf")
    after: int = 0
    met: int = 0
    landed: int = 0

    def fits(self, request: web.Request) -> bool:
        """Tell whether it happens to a request, and count."""
        watch = request.query.get("watch") == "true"
        if request.method not in self.methods or watch is not self.watches:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.met >= self.times:
            return False
        self.met += 1
        return True


class Proxy:
    """Runs in a thread of its own until it is closed."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._port = 0
        self.faults: list[Fault] = []
        self.kubeconfig = folder / "kubeconfig"

    def start(self) -> None:
        """Listen, and write a kubeconfig that leads here."""
        self._thread.start()
        self.come_back()
        config: dict[str, Any] = yaml.safe_load(self._server.kubeconfig.read_text("utf-8"))
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._port}"}
        self.kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")

    def go_away(self) -> None:
        """Cut every connection and refuse new ones."""
        self._do(self._end)

    def come_back(self) -> None:
        """Listen again."""
        self._do(self._begin)

    def cut(self) -> None:
        """Cut every connection; new ones are welcome."""
        self.go_away()
        self.come_back()

    def close(self) -> None:
        """End it."""
        self.go_away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def _do(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(60)

    async def _begin(self) -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.cleanup_ctx.append(self._connected)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _end(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            # Handlers that were cancelled, and transports, end in the loop's next rounds. What is
            # cut off before that is a warning, and so a failure of whatever test runs then.
            handlers = asyncio.all_tasks() - {asyncio.current_task()}
            for handler in handlers:
                handler.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)
            await asyncio.sleep(0.05)

    async def _connected(self, app: web.Application) -> Any:
        trusted = ssl.create_default_context(cafile=str(self._server.session.verify))
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusted, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        ) as session:
            app[_SESSION] = session
            yield

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fault = next((each for each in self.faults if each.fits(request)), Fault())
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.code:
            body = {"kind": "Status", "code": fault.code, "message": "as the test wants it"}
            return web.json_response(body, status=fault.code, headers=fault.headers)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
        async with request.app[_SESSION].request(
            request.method,
            f"{self._server.url}{request.rel_url}",
            headers=headers,
            data=await request.read(),
        ) as answer:
            if fault.lost and answer.status < 300:
                await answer.read()
                fault.landed += 1
                fault.then()
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response


_SESSION = web.AppKey("session", aiohttp.ClientSession)


@contextlib.contextmanager
def proxy_before(server: ApiServer, folder: Path) -> Iterator[Proxy]:
    """Run a proxy for as long as a `with` lasts."""
    proxy = Proxy(server, folder)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()
