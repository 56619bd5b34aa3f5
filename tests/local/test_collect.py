"""`headrace labels collect`, with the pages that model servers show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.main import cli
from headrace.errors import InvalidInput, PlatformUnavailable
from headrace.labels.collect import Collector, Round
from headrace.labels.records import Label
from headrace.labels.store import LabelStore
from headrace.serving.answers import AnswersPage
from headrace.serving.exposition import answers_page, serve
from headrace.serving.ring import Ring
from headrace.serving.signature import Output
from tests.local.test_docs import commands_of, run

NOW = time.time()

PROBABILITY = Output("delayed", "probability", 0.5)
LABEL = Output("species", "label", None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LabelStore]:
    with closing(LabelStore(f"sqlite:///{tmp_path / 'labels.db'}", "m", 3600)) as store:
        yield store


class Server:
    """The page of answers of a model server, without the model."""

    def __init__(self, version: str, output: Output = PROBABILITY, capacity: int = 100) -> None:
        self.ring = Ring(1.0, capacity)
        self._output, self._version = output, version
        self.url = (
            f"http://127.0.0.1:{serve('127.0.0.1', 0, {'/answers': answers_page(self.page)})}"
        )

    def page(self, after: int) -> AnswersPage:
        return AnswersPage(self.ring.page(after), self._output, self._version)


def test_answers_of_servers_become_predictions_of_their_versions(store: LabelStore) -> None:
    old, new = Server("6"), Server("7")
    old.ring.add("a", [0.9])
    new.ring.add("b", [0.2])
    collector = Collector(store, [old.url, new.url])
    assert collector.round(NOW) == Round(servers=2, recorded=2)
    assert collector.round(NOW) == Round(servers=2)
    new.ring.add("c", [0.4])
    assert collector.round(NOW) == Round(servers=2, recorded=1)
    store.record_labels([Label("a", 1.0, NOW), Label("b", 1.0, NOW), Label("c", 0.0, NOW)], NOW)
    hours = store.hours()
    assert {hour.version: (hour.count, hour.right) for hour in hours} == {"6": (1, 1), "7": (2, 1)}


def test_a_collector_that_is_started_anew_records_nothing_twice(store: LabelStore) -> None:
    server = Server("7")
    server.ring.add("a", [0.9])
    for _ in range(2):
        assert Collector(store, [server.url]).round(NOW).recorded == 1
    assert store.counts()["predictions"] == 1


def test_every_row_of_a_request_has_an_id(store: LabelStore) -> None:
    server = Server("7", LABEL)
    server.ring.add("a", ["cat", "dog"])
    Collector(store, [server.url]).round(NOW)
    store.record_labels([Label("a/0", "cat", NOW), Label("a/1", "cat", NOW)], NOW)
    assert [(hour.count, hour.right) for hour in store.hours()] == [(2, 1.0)]


def test_answers_that_were_gone_before_they_were_read_are_counted(store: LabelStore) -> None:
    server = Server("7", capacity=3)
    collector = Collector(store, [server.url])
    server.ring.add("0", [0.5])
    assert collector.round(NOW).missed == 0
    for number in range(1, 8):
        server.ring.add(str(number), [0.5])
    assert collector.round(NOW) == Round(servers=1, recorded=3, missed=4)


def test_a_server_that_began_anew_is_read_from_its_first_answer_on(store: LabelStore) -> None:
    server = Server("7")
    collector = Collector(store, [server.url])
    for name in "abc":
        server.ring.add(name, [0.5])
    collector.round(NOW)
    server.ring = Ring(1.0)
    server.ring.add("d", [0.5])
    assert collector.round(NOW) == Round(servers=1, recorded=1)


def test_what_is_no_prediction_and_who_does_not_answer_are_counted(store: LabelStore) -> None:
    server, unknown = Server("7"), Server("")
    for value in (1.5, -0.1, 0.5):
        server.ring.add(str(value), [value])
    unknown.ring.add("a", [0.5])
    collector = Collector(store, [server.url, unknown.url, "http://127.0.0.1:1"])
    assert collector.round(NOW) == Round(servers=3, silent=1, recorded=1, unusable=3)


def test_answers_wait_for_a_database_that_does_not_answer(
    store: LabelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server("7")
    server.ring.add("a", [0.9])
    collector = Collector(store, [server.url])

    def refuse(*_: object) -> None:
        raise PlatformUnavailable("the database does not answer")

    with monkeypatch.context() as away:
        away.setattr(store, "record_predictions", refuse)
        with pytest.raises(PlatformUnavailable):
            collector.round(NOW)
    assert collector.round(NOW).recorded == 1


def test_answers_to_copies_get_no_feedback(store: LabelStore) -> None:
    server = Server("8")
    server.ring.add("a", [0.9])
    Collector(store, [server.url], copied=["8"]).round(NOW)
    store.record_labels([Label("a", 1.0, NOW)], NOW)
    assert store.take_rewards() == ()
    assert [hour.count for hour in store.hours()] == [1]


def test_collect_tells_what_a_round_has_brought(tmp_path: Path) -> None:
    server = Server("7")
    server.ring.add("a", [0.9])
    store = f"sqlite:///{tmp_path / 'labels.db'}"
    command = ["labels", "collect", server.url, "--model", "m", "--store", store, "--once"]
    result = CliRunner().invoke(cli, command)
    assert (result.exit_code, result.output) == (0, "1 server: 1 recorded\n")


def test_the_command_of_the_page_records_what_a_server_answers(tmp_path: Path) -> None:
    server = Server("7")
    server.ring.add("a", [0.9])
    commands = commands_of("Collected from the servers", "docs/labels.md")
    assert commands.count("http://localhost:6100") == 1
    said = run(commands.replace("http://localhost:6100", server.url), tmp_path)
    assert said == "1 server: 1 recorded\n"


def test_an_address_that_is_none_is_refused(store: LabelStore) -> None:
    with pytest.raises(InvalidInput, match="no address of a ring"):
        Collector(store, ["flight-delay"])
