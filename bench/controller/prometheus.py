"""A Prometheus that knows what the played Istio has counted, and who asked for it when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from bench.controller.traffic import Traffic

_NOTHING = b'{"status":"success","data":{"resultType":"vector","result":[]}}'


@dataclass
class Prometheus:
    """The server.

    Attributes:
        url: Its address.
        asked: When each query came (Unix seconds), and the name of the counter.
    """

    url: str = ""
    asked: list[tuple[float, str]] = field(default_factory=list)

    def first_after(self, moment: float) -> float | None:
        """Give when it was first asked after a moment."""
        return next((at for at, _ in list(self.asked) if at > moment), None)

    def asked_within(self, seconds: float) -> int:
        """Give how many queries came within the last seconds."""
        since = time.time() - seconds
        return sum(at > since for at, _ in list(self.asked))


@contextmanager
def prometheus(traffic: Traffic) -> Iterator[Prometheus]:
    """Run it on loopback for as long as a `with` lasts."""
    one = Prometheus()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            came = time.time()
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            values = parse_qs(form) or parse_qs(urlsplit(self.path).query)
            query = values["query"][0]
            body = _NOTHING
            # What is no range is asked once, for the clock in the answer's head.
            if "[" in query:
                one.asked.append((came, query.partition("{")[0]))
                body = traffic.answer(query, float(values["time"][0]))
            with suppress(ConnectionError):  # who asked may have been killed
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
