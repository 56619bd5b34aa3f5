"""A pod that counts what it is told to: a real process, whose truth the test knows.

It is started with a port and reads one JSON document a line: `add` (numbers by series), `slow`
(seconds that a scrape takes), `fail` (whether scrapes fail). It answers every line with the sum of
all that it has counted.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOCK = threading.Lock()
COUNTS: dict[str, float] = {}
STATE: dict[str, float] = {"slow": 0.0, "fail": False}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with LOCK:
            text = "".join(f"{series} {value}\n" for series, value in COUNTS.items())
        time.sleep(STATE["slow"])
        body = text.encode()
        self.send_response(500 if STATE["fail"] else 200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # a scrape that was given up
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        told = json.loads(line)
        with LOCK:
            for series, number in told.pop("add", {}).items():
                COUNTS[series] = COUNTS.get(series, 0) + number
        STATE.update(told)
        print(sum(COUNTS.values()), flush=True)


if __name__ == "__main__":
    main()
