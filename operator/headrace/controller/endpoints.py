"""`/metrics`, `/healthz` and `/readyz` of the controller, over plain HTTP in the cluster."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)

Answer = tuple[int, str, bytes]
"""Code, content type, body."""

TEXT = "text/plain; charset=utf-8"


class Endpoints:
    """Answers probes and Prometheus from a thread of its own."""

    def __init__(self, host: str, port: int, answers: dict[str, Callable[[], Answer]]) -> None:
        """Bind the port.

        Args:
            host: The address to listen on.
            port: 0 takes a free one.
            answers: By path.

        Raises:
            OSError: The port is taken.
        """
        self._server = ThreadingHTTPServer((host, port), _handler(answers))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoints")

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def probe(is_well: Callable[[], str]) -> Callable[[], Answer]:
    """Make the answer of a probe from what says, in words, what is wrong; empty if nothing is."""

    def answer() -> Answer:
        wrong = is_well()
        return (503, TEXT, f"{wrong}\n".encode()) if wrong else (200, TEXT, b"ok\n")

    return answer


def _handler(answers: dict[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version = "headrace"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answer = answers.get(path)
            known = ", ".join(answers)
            code, kind, body = (
                (404, TEXT, f"there are {known}\n".encode()) if answer is None else answer()
            )
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            logger.debug("%s %s", self.path, code)

    return Handler
