"""A proxy before a real Prometheus, which does to its answers what bad days do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

Answer = tuple[int, bytes]
Change = Callable[[Answer], Answer | None]
"""What becomes of an answer; None for a connection that is closed without one."""


@dataclass
class PrometheusProxy:
    """A running proxy.

    Attributes:
        url: Where it listens.
        change: What it does to answers now.
        asked: How many requests it has had.
    """

    url: str = ""
    change: Change = field(default=lambda answer: answer)
    asked: int = 0


def away(answer: Answer) -> None:
    """Hang up."""


def overloaded(answer: Answer) -> Answer:
    """Say that there is no time."""
    return 503, b'{"status":"error","errorType":"unavailable","error":"too many queries"}'


def slow(answer: Answer) -> Answer:
    """Answer after a while, which is in time."""
    time.sleep(2)
    return answer


def numbers(value: str) -> Change:
    """Give this in place of every number."""

    def changed(series: dict[str, Any]) -> list[dict[str, Any]]:
        given = {**series}
        if "value" in given:
            given["value"] = [given["value"][0], value]
        if "values" in given:
            given["values"] = [[at, value] for at, _ in given["values"]]
        return [given]

    return _each(changed)


def nothing(answer: Answer) -> Answer | None:
    """Leave out every series."""
    return _each(lambda series: [])(answer)


def twice(answer: Answer) -> Answer | None:
    """Give every series a second time, as two servers that scrape the same one do."""

    def doubled(series: dict[str, Any]) -> list[dict[str, Any]]:
        labels = {**series["metric"], "prometheus_replica": "b"}
        return [series, {**series, "metric": labels}]

    return _each(doubled)(answer)


def nonsense(answer: Answer) -> Answer:
    """Give a page of somebody else's."""
    return 200, b"<html>please log in</html>"


def _each(change: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Change:
    def changed(answer: Answer) -> Answer:
        code, body = answer
        said = json.loads(body)
        data = said.get("data")
        if isinstance(data, dict) and isinstance(data.get("result"), list):
            data["result"] = [one for each in data["result"] for one in change(each)]
        return code, json.dumps(said).encode()

    return changed


@contextmanager
def prometheus_proxy(prometheus: str) -> Iterator[PrometheusProxy]:
    """Run one on loopback, which changes nothing at first."""
    proxy = PrometheusProxy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass("GET", None)

        def do_POST(self) -> None:
            self._pass("POST", self.rfile.read(int(self.headers["Content-Length"])))

        def _pass(self, method: str, body: bytes | None) -> None:
            proxy.asked += 1
            headers = {"Content-Type": self.headers.get("Content-Type", "")} if body else {}
            got = requests.request(
                method, f"{prometheus}{self.path}", data=body, headers=headers, timeout=300
            )
            answer = proxy.change((got.status_code, got.content))
            if answer is None:
                self.close_connection = True
                return
            code, content = answer
            with suppress(OSError):  # nobody may wait for it any more
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
