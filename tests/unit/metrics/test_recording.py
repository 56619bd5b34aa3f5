"""Recordings: what a file may be, what is wrong with it, and what it answers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import Check
from headrace.engine.observations import Metric, query_metric
from headrace.errors import InvalidInput, MetricsUnavailable
from headrace.metrics.clusters import cluster_name
from headrace.metrics.matchers import parse_matchers
from headrace.metrics.prometheus import PromQLMetrics
from headrace.metrics.record import record, seen_versions
from headrace.metrics.recorded import RecordedServer
from headrace.metrics.recording import FORMAT, RawSeries, Recording, Samples, merged
from headrace.metrics.recording_file import MOST_BYTES, read_recording, write_recording
from tests.unit.metrics.servers import KEY, Prometheus, request

HEADER = {"format": FORMAT, "rollout": KEY, "stable": "1.0"}
COUNTER = {"__name__": "envoy_cluster_upstream_rq_xx", "envoy_response_code_class": "2"}


def answer(result: Any, kind: str = "matrix") -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def entry(*values: Any, **labels: str) -> dict[str, Any]:
    times = [1000.0 + i for i in range(len(values))]
    pairs = [[time, value] for time, value in zip(times, values, strict=True)]
    return {"metric": {"__name__": "a_total", **labels}, "values": pairs}


def target(times: Any, values: Any) -> dict[str, Any]:
    return {"labels": {}, "times": times, "series": [{"labels": COUNTER, "values": values}]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("requests 17", "line 1 is not JSON"),
        (json.dumps(HEADER) + "\n{", "line 2 is not JSON"),
        ("[" * 100_000, "line 1 is not JSON"),
        ("[1, 2]", "holds a list where an object is expected"),
        ('{"spec": 1, "kind": 2}', "an object has spec, kind, and none of"),
        ('{"format": "headrace.dev/recording/v9"}', "its format is 'headrace.dev/recording/v9'"),
        ('{"status": "error", "error": "too many points"}', "says 'too many points'"),
        (json.dumps(answer([], "vector")), "its resultType is 'vector'"),
        ('{"status": "success", "data": 3}', "its resultType is not there"),
        (json.dumps(answer([{"metric": {}, "values": [[1, "2"]]}])), "rate(), increase() and sum"),
        (json.dumps(answer([{"metric": {}, "value": [1, "2"]}])), "has no values"),
        (json.dumps(answer([entry("a")])), "a value of a_total is 'a'"),
        (json.dumps(answer([entry()])), "has no samples"),
        (json.dumps(HEADER), "has no samples"),
        (json.dumps(target([1.7e12], [1])), "are these milliseconds?"),
        (json.dumps(target([math.nan], [1])), "a time is nan"),
        (json.dumps(target([1.0], [1, 2])), "has 1 times and 2 values"),
        (json.dumps(target([1.0], [None])), "has no samples"),
        (json.dumps(target([1.0], [{}])), "is a dict, expected a number"),
        (json.dumps(target([1.0], [True])), "is True, expected a number"),
        (json.dumps(target(None, [1])), "times are not there"),
        ('{"series": 5, "times": []}', "series is 5"),
        ('{"series": [{"labels": {"le": 1}, "values": []}], "times": []}', "labels are a dict"),
        ('{"query": 5, "times": [], "values": []}', "a query is 5"),
    ],
)
def test_what_is_no_recording_gets_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_recording(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as large:
        large.truncate(500_000_000)
    assert file.stat().st_size > MOST_BYTES
    with pytest.raises(InvalidInput, match=r"has 500 MB; at most 64 MB are read"):
        read_recording(file)


def test_a_file_that_is_not_there_or_no_text_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read_recording(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\x80\x81")
    with pytest.raises(InvalidInput, match="no text in UTF-8"):
        read_recording(tmp_path / "bytes")


def test_an_answer_of_prometheus_is_a_recording_also_when_it_is_indented(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    for indent in (None, 2):
        file.write_text(json.dumps(answer([entry("1", "NaN", "+Inf")]), indent=indent))
        (one,) = read_recording(file).series
        assert one.labels["__name__"] == "a_total"
        assert one.samples.times.tolist() == [1000.0, 1001.0, 1002.0]
        assert one.samples.values[0] == 1
        assert math.isnan(one.samples.values[1])


def test_several_answers_are_one_recording_and_duplicates_count_once(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    answers = [answer([entry("1", "2"), entry("9", le="5")]), answer([entry("1", "2", "3")])]
    file.write_text("\n".join(map(json.dumps, answers)))
    found = read_recording(file)
    assert [one.samples.values.tolist() for one in found.series] == [[1, 2, 3], [9]]
    assert found.span == (1000.0, 1002.0)
    assert found.size == 4


TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
LABELS = st.dictionaries(TEXT, TEXT, max_size=3).map(lambda some: some | {"__name__": "a_total"})
SAMPLES = st.lists(
    st.tuples(
        st.floats(0, 2e9).map(lambda time: round(time, 3)),
        st.floats() | st.integers(0, 10**12).map(float),
    ),
    max_size=6,
).map(lambda pairs: Samples.of([t for t, _ in pairs], [v for _, v in pairs]))
SERIES = st.builds(RawSeries, LABELS, SAMPLES)


@given(st.lists(SERIES, min_size=1, max_size=4), st.dictionaries(TEXT, SAMPLES, max_size=2))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, series: list[RawSeries], levels: dict[str, Samples]
) -> None:
    written = merged([Recording("a/b", "1", series, levels)])
    file = tmp_path_factory.mktemp("recordings") / "one.jsonl"
    write_recording(file, written)
    if not written.size:
        with pytest.raises(InvalidInput, match="has no samples"):
            read_recording(file)
        return
    read = read_recording(file)

    def told(recording: Recording) -> object:
        counters = {
            (frozenset(one.labels.items()), *_pairs(one.samples))
            for one in recording.series
            if one.samples.times.size
        }
        return counters, {query: _pairs(one) for query, one in recording.levels.items()}

    assert told(read) == told(written)
    assert (read.rollout, read.stable) == ("a/b", "1")


def _pairs(samples: Samples) -> tuple[tuple[float, str], ...]:
    # As text, because NaN is not equal to itself; a zero has no sign in a file.
    values = [repr(value + 0.0) for value in samples.values.tolist()]
    return tuple(zip(samples.times.tolist(), values, strict=True))


@pytest.mark.parametrize(
    ("selector", "matched"),
    [
        ("a_total", [0, 1, 2]),
        ("a_", []),
        ('a_total{shop="eu"}', [0]),
        ("a_total{shop!='eu'}", [1, 2]),
        ('a_total{shop=~"eu|us"}', [0, 1]),
        ('a_total{shop=~"e"}', []),
        ("a_total{shop!~`e.|`}", [1]),
        ('a_total{shop=""}', [2]),
        ('{__name__=~"a_total|b_total",shop="us", }', [1]),
        (r'a_total{shop=~"\u0065u|u\\.s"}', [0]),
    ],
)
def test_a_selector_matches_as_it_does_in_prometheus(selector: str, matched: list[int]) -> None:
    labels = [{"__name__": "a_total"} | more for more in ({"shop": "eu"}, {"shop": "us"}, {})]
    matchers = parse_matchers(selector)
    found = [all(matcher.accepts(one) for matcher in matchers) for one in labels]
    assert [index for index, yes in enumerate(found) if yes] == matched


@pytest.mark.parametrize("selector", ["a b", 'a{b="c', 'a{b~"c"}', 'a{b=~"("}', r'a{b="\x"}'])
def test_what_is_no_selector_is_refused(selector: str) -> None:
    with pytest.raises(ValueError, match=r"no selector|is none"):
        parse_matchers(selector)


def series(version: str, kind: str, code: str, *values: float) -> RawSeries:
    labels = COUNTER | {
        "instance": "envoy",
        "envoy_cluster_name": cluster_name(KEY, version, kind),
        "envoy_response_code_class": code,
    }
    return RawSeries(labels, Samples.of([990.0 + i for i in range(len(values))], values))


MEMORY = Check.model_validate(
    {"name": "memory", "kind": "Value", "query": "m{v='{{candidate.version}}'}", "above": 1.0}
)


def test_a_recording_answers_as_the_prometheus_that_it_was_taken_of(
    prometheus: Prometheus,
) -> None:
    counters = [
        series("1.0", "live", "2", 100, 110, 120),
        series("1.0", "live", "5", 1, 1, 2),
        series("2.0", "live", "2", 10, 3, math.nan),
    ]
    prometheus.answer = {
        "envoy": [
            {"metric": one.labels, "values": [[t, str(v)] for t, v in one.samples.between(0, 2e9)]}
            for one in counters
        ],
        "(m{": [{"metric": {}, "values": [[990.0, "0.5"], [991.5, "0.7"]]}],
        "m{": [{"metric": {}, "value": [992.0, "0.7"]}],
    }
    metrics = (Metric.REQUESTS, query_metric("memory"))
    wanted = request(*metrics, checks={query_metric("memory"): MEMORY})
    live = prometheus.observe(wanted)
    assert live.intervals
    assert not live.problems
    recording = record(prometheus.client, wanted, 900.0, 1000.0, 1.5)
    assert "(m{v='2.0'})[100s:1500ms]" in prometheus.queries
    assert recording.size == 9
    replayed = PromQLMetrics(RecordedServer(recording)).observe([wanted], 1000.0)[KEY]
    assert replayed == live


def test_a_recording_knows_nothing_of_what_comes_later() -> None:
    server = RecordedServer(Recording(series=[series("1.0", "live", "2", 1, 2, 3)]))
    (found,) = server.ask("envoy_cluster_upstream_rq_xx[5s]", 991.5)
    assert (found.times, found.values) == ((990.0, 991.0), (1.0, 2.0))
    assert server.ask("envoy_cluster_upstream_rq_xx[5s]", 1500.0) == []


def test_a_level_is_the_last_one_unless_it_is_old() -> None:
    server = RecordedServer(Recording(levels={"q": Samples.of([10.0, 20.0], [1.0, 2.0])}))
    assert [server.ask("q", now) for now in (5.0, 15.0, 400.0)] == [
        [],
        [{"metric": {}, "value": (10.0, 1.0)}],
        [],
    ]
    with pytest.raises(MetricsUnavailable, match="no answers to the query max"):
        server.ask("max(x)", 15.0)


def test_the_versions_that_a_router_has_counted_are_found(prometheus: Prometheus) -> None:
    prometheus.answer = [
        {"metric": one.labels, "values": [[990.0, "1"]]}
        for one in (series("1.0", "live", "2"), series("2.0", "mirror", "2"))
    ]
    assert seen_versions(prometheus.client, KEY, 0.0, 9000.0) == ("1.0", "2.0")
    assert len(prometheus.queries) == 3
    assert prometheus.queries[0].endswith('{envoy_cluster_name=~"models/flight-delay/.+"}[3000s]')


def test_a_query_of_several_series_cannot_be_recorded(prometheus: Prometheus) -> None:
    prometheus.answer = [{"metric": {"a": a}, "values": [[990.0, "1"]]} for a in "xy"]
    metric = query_metric("memory")
    with pytest.raises(MetricsUnavailable, match="gives 2 series where one is expected"):
        record(prometheus.client, request(metric, checks={metric: MEMORY}), 0.0, 9.0, 1.0)
