"""A model server that speaks the protocol and runs no model: a real process that starts at once.

It is started exactly as the real one, and told what to do by its bundle's metadata: `delay`
(seconds), `status` (of predictions), `refuse` (a refusal for standard error).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SEEN: list[tuple[str, str]] = []
"""Path and request id of every request but the health checks."""


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    disable_nagle_algorithm = True

    def say(self, status: int, document: Any, *, plain: bool = False) -> None:
        body = document.encode() if plain else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if plain else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    model = json.loads((Path(os.environ["HEADRACE_BUNDLE"]) / "model.json").read_text())
    told = model["metadata"]
    if "refuse" in told:
        print(f"headrace: refused: {told['refuse']}", file=sys.stderr)
        print("worker failed to boot", file=sys.stderr)
        raise SystemExit(3)

    class Predictions(Quiet):
        def do_GET(self) -> None:
            self.say(200, "pong", plain=True)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            SEEN.append((self.path, self.headers.get("x-request-id", "")))
            time.sleep(float(told.get("delay", "0")))
            self.say(int(told.get("status", "200")), {"version": model["version"]})

    class Metrics(Quiet):
        def do_GET(self) -> None:
            if self.path == "/seen":
                self.say(200, SEEN)
            elif self.path.startswith("/answers"):
                self.say(404, {})
            else:
                labels = f'model="{model["name"]}",version="{model["version"]}"'
                self.say(200, f"headrace_model_info{{{labels}}} 1\n", plain=True)

    ports = (os.environ["HEADRACE_METRICS_PORT"], os.environ["PREDICTIVE_UNIT_HTTP_SERVICE_PORT"])
    metrics, predictions = (
        ThreadingHTTPServer((os.environ["HEADRACE_HOST"], int(port)), handler)
        for port, handler in zip(ports, (Metrics, Predictions), strict=True)
    )
    threading.Thread(target=metrics.serve_forever, daemon=True).start()
    predictions.serve_forever()


if __name__ == "__main__":
    main()
