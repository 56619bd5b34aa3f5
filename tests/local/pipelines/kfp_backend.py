"""A double of a KFP backend: it follows the REST interface v2beta1 as far as schedules need it.

It runs nothing. What it was sent, and what a real one would keep, can be looked at.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = "/apis/v2beta1/"
_COLLECTIONS = {
    "experiments": "experiment_id",
    "runs": "run_id",
    "recurringruns": "recurring_run_id",
}
_LISTS = {"experiments": "experiments", "runs": "runs", "recurringruns": "recurringRuns"}


class KfpBackend:
    """What the double keeps.

    Attributes:
        kept: Objects by collection and id.
        deleted: Ids, in order.
        requests: Method and path of each request.
        token: What requests must bring; empty for none.
        page_size: Of lists, whatever is asked for.
    """

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in _COLLECTIONS}
        self.deleted: list[str] = []
        self.requests: list[str] = []
        self.token = ""
        self.page_size = 2
        self.url = ""
        self._numbers = itertools.count(1)

    def the_only(self, collection: str) -> dict[str, Any]:
        """Give the only object of a collection."""
        (found,) = self.kept[collection].values()
        return found

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Do as a backend would."""
        if path == "healthz":
            return 200, {"multi_user": False}
        collection, _, identity = path.partition("/")
        kept = self.kept.get(collection)
        if kept is None:
            return 404, {"message": f"{path} not found"}
        if method == "GET":
            return 200, self._page(collection, query)
        if method == "DELETE":
            if kept.pop(identity, None) is None:
                return 404, {"message": f"{identity} not found"}
            self.deleted.append(identity)
            return 200, {}
        cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "0 0 0 * * *")
        if len(cron.split()) != 6:
            return 400, {"message": f"Expected 6 fields, found {len(cron.split())}: {cron}"}
        name = f"{collection}-{next(self._numbers)}"
        kept[name] = {**body, _COLLECTIONS[collection]: name}
        return 200, kept[name]

    def _page(self, collection: str, query: dict[str, list[str]]) -> dict[str, Any]:
        found = list(self.kept[collection].values())
        if "filter" in query:
            (predicate,) = json.loads(query["filter"][0])["predicates"]
            wanted = predicate["stringValue"]
            found = [one for one in found if one[predicate["key"]] == wanted]
        if "experiment_id" in query:
            found = [one for one in found if one["experiment_id"] == query["experiment_id"][0]]
        start = int(query.get("page_token", ["0"])[0] or 0)
        end = start + self.page_size
        more = {"next_page_token": str(end)} if end < len(found) else {}
        return {_LISTS[collection]: found[start:end], **more}


@contextmanager
def serving() -> Iterator[KfpBackend]:
    """Let a double answer on loopback."""
    backend = KfpBackend()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            parts = urlsplit(self.path)
            backend.requests.append(f"{self.command} {parts.path}")
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            brought = re.sub("^Bearer ", "", self.headers.get("authorization", ""))
            if not parts.path.startswith(ROOT):
                code, document = 404, {"message": "no such interface"}
            elif brought != backend.token:
                code, document = 403, {"message": "the user may not do this"}
            else:
                path = parts.path.removeprefix(ROOT)
                code, document = backend.answer(self.command, path, parse_qs(parts.query), body)
            text = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    backend.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield backend
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
