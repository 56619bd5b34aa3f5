"""`headrace labels`, with a double of the router that takes feedback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.main import cli
from headrace.errors import InvalidInput, PlatformUnavailable
from headrace.labels.records import Label, Prediction
from headrace.labels.store import LabelStore
from headrace.serving.feedback import read_feedback

NOW = time.time()


class Router:
    """What it was told: version and reward; version 6 runs no more."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.url = ""


@pytest.fixture
def router() -> Iterator[Router]:
    double = Router()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            version = self.headers["x-headrace-version"]
            known = self.path == "/api/v1.0/feedback" and version != "6"
            if known:
                double.told.append((version, read_feedback(body).reward))
            self.send_response(200 if known else 400)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield double
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Predictions of versions 6, 7 and a copy to 8, and labels before and after them."""
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HEADRACE_LABELS", raising=False)
    lines: list[dict[str, object]] = [{"request_id": "b", "label": 0}]
    for request_id, version, answer in (("a", "7", 0.9), ("b", "7", 0.8), ("c", "6", 0.1)):
        lines.append(
            {"request_id": request_id, "version": version, "prediction": answer, "time": NOW - 60}
        )
    lines.append({**lines[1], "version": "8", "copied": True})
    lines += [{"request_id": name, "label": 1} for name in ("a", "c", "unknown")]
    path = tmp_path / "labels.jsonl"
    path.write_text("\n\n".join(map(json.dumps, lines)))
    return path


def labels(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["labels", *arguments, "--model", "late"])


def test_labels_become_feedback_and_quality(file: Path, router: Router) -> None:
    said = labels("add", str(file), "--feedback", router.url)
    assert said.exit_code == 0, said.output
    assert "4 predictions, 4 labels, 4 joined, 1 labels waiting" in said.stdout
    assert "feedback: 2 taken, 1 refused" in said.stdout
    assert sorted(router.told) == [("7", 0.0), ("7", 1.0)]

    shown = labels("quality", "--json")
    assert shown.exit_code == 0, shown.output
    seen = json.loads(shown.stdout)["quality"]
    assert [(one["version"], one["count"]) for one in seen] == [("6", 1), ("7", 2), ("8", 1)]
    assert seen[1]["scores"] == {"accuracy": 0.5, "brier": pytest.approx((0.01 + 0.64) / 2)}
    table = labels("quality").stdout
    assert "accuracy" in table
    assert "\x1b[" not in table


def test_the_same_file_again_changes_nothing(file: Path, router: Router) -> None:
    labels("add", str(file), "--feedback", router.url)
    before = labels("quality").stdout.splitlines()[:-1]
    again = labels("add", str(file), "--feedback", router.url, "--json")
    found = json.loads(again.stdout)
    assert found["counts"]["duplicate predictions"] == 4
    assert found["counts"]["duplicate labels"] == 4
    assert found["feedback"] == {"taken": {}, "refused": {}}
    assert len(router.told) == 2
    assert labels("quality").stdout.splitlines()[:-1] == before


def test_a_drop_is_a_reason_once(file: Path) -> None:
    labels("add", str(file))
    asked = ("due", "accuracy < 0.6", "--version", "7", "--least", "2")
    assert labels(*asked).stdout.startswith("yes: accuracy of version 7 is 0.5, < 0.6, on 2 labels")
    assert labels(*asked).stdout.startswith("no: accuracy of version 7")
    few = labels("due", "accuracy < 0.6", "--version", "9", "--json")
    assert json.loads(few.stdout)["reason"] == "TooFewLabels"


def test_feedback_stays_due_while_nobody_answers(file: Path, router: Router) -> None:
    many = file.with_name("many.jsonl")
    with many.open("w") as lines:
        for number in range(50):
            record = {"request_id": f"{number}", "version": "7", "prediction": 1, "time": NOW}
            lines.write(f"{json.dumps(record)}\n")
            lines.write(f'{{"request_id": "{number}", "label": 1}}\n')
    away = labels("add", str(many), "--feedback", "http://127.0.0.1:9")
    assert isinstance(away.exception, PlatformUnavailable)
    assert "At most 20 rewards are lost" in str(away.exception)
    assert labels("add", str(many), "--feedback", router.url).exit_code == 0
    assert len(router.told) == 30


def test_several_writers_at_once_use_every_label_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'labels.db'}"
    predictions = [Prediction(f"{n}", "7", 0.9, NOW) for n in range(100)]
    truths = [Label(f"{n}", 1.0, NOW) for n in range(100)]
    LabelStore(url, "late").close()

    def write(number: int) -> None:
        store = LabelStore(url, "late")
        for start in range(0, 100, 25):
            some = slice(start, start + 25)
            if number % 2:
                store.record_labels(truths[some], NOW)
            store.record_predictions(predictions[some], NOW)
            store.record_labels(truths[some], NOW)
        store.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    store = LabelStore(url, "late")
    counts = store.counts()
    assert (counts["predictions"], counts["labels"], counts["joined"]) == (100, 100, 100)
    assert (counts["duplicate predictions"], counts["duplicate labels"]) == (300, 500)
    assert sum(hour.count for hour in store.hours()) == 100
    assert len(store.take_rewards()) == 100
    store.close()


def test_a_line_that_is_no_record_is_named(file: Path) -> None:
    file.write_text(file.read_text() + '\n{"request_id": "a"}\n')
    said = labels("add", str(file))
    assert isinstance(said.exception, InvalidInput)
    assert str(said.exception).startswith("Line 16 is neither a prediction nor a label")
