"""Somebody else's HTTP server, which answers as a test wants it to, well or badly."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


def says(document: object, code: int = 200) -> Answer:
    """Answer with JSON."""

    def answer(handler: Handler) -> None:
        handler.send(code, json.dumps(document).encode())

    return answer


def text(body: bytes, code: int = 200) -> Answer:
    """Answer with bytes."""
    return lambda handler: handler.send(code, body)


def redirect(handler: Handler) -> None:
    """Send elsewhere, to a place that would say yes."""
    handler.send_response(302)
    handler.send_header("location", "/elsewhere")
    handler.end_headers()


def drips(handler: Handler) -> None:
    """Send a byte now and then, until the other side has gone or the server ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    with contextlib.suppress(OSError):
        while not handler.receiver.ends.wait(0.02):
            handler.wfile.write(b" ")
            handler.wfile.flush()


def drips_headers(handler: Handler) -> None:
    """Never come to the end of the headers."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(OSError):
        while not handler.receiver.ends.wait(0.02):
            handler.wfile.write(b"x-more: 1\r\n")
            handler.wfile.flush()


def hangs_up(handler: Handler) -> None:
    """Say nothing and close."""
    handler.close_connection = True


@dataclass
class Receiver:
    """A running server.

    Attributes:
        url: Where it listens.
        seen: Path, headers in lower case and document of every request.
        answer: What it says to the next.
        ends: Is set at the end.
    """

    url: str = ""
    seen: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: says({"approved": True}))
    ends: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.seen.append((self.path, headers, json.loads(body)))
        self.receiver.answer(self)

    def send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        # Nobody need read all of it.
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def listening() -> Iterator[Receiver]:
    """Run one on loopback."""
    receiver = Receiver()
    handler = type("Handler", (Handler,), {"receiver": receiver})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.ends.set()
            server.shutdown()
            thread.join()
