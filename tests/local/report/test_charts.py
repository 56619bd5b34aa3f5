from __future__ import annotations

import xml.etree.ElementTree as ET
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from headrace.api import Check, LatencyLimit, Traffic
from headrace.api.status import Interval
from headrace.report import style
from headrace.report.build import build_report
from headrace.report.charts import Chart, overview, release_charts
from headrace.report.report import Report
from headrace.report.traffic import decision_label
from tests.unit.report.journals import Arm, Journal, three_releases

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def charts(report: Report) -> list[Chart]:
    return release_charts(report, report.releases[1], "r2")


def words(chart: Chart) -> list[str]:
    root = ET.fromstring(chart.svg)
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


def test_a_compared_release_has_all_charts(charts: list[Chart]) -> None:
    assert [chart.title for chart in charts] == [
        "Traffic and decisions",
        "Share of requests that fail",
        "Time to answer, 95th percentile",
        "Evidence of harm over time",
        "Proof of safety over time",
        "Share of copied requests answered differently",
    ]


def test_a_first_version_has_none_as_there_is_nothing_to_compare(report: Report) -> None:
    assert release_charts(report, report.releases[0]) == []


def test_the_text_is_text_and_names_arms_steps_and_figures(charts: list[Chart]) -> None:
    traffic, errors = words(charts[0]), words(charts[1])
    assert {"start", "5 %", "25 %", "50 %", "promoted"} <= set(traffic)
    assert "stable 1, copied to 2" in traffic
    assert {"stable 1", "candidate 2", "mirrored", "no data"} <= set(errors)
    assert any(word.startswith("0.") and word.endswith(" %") for word in errors)


def test_ids_are_unique_and_every_reference_is_within_its_own_chart(charts: list[Chart]) -> None:
    seen: set[str] = set()
    for chart in charts:
        root = ET.fromstring(chart.svg)
        ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        link = "{http://www.w3.org/1999/xlink}href"
        for element in root.iter():
            for value in (element.attrib.get(link, ""), element.attrib.get("clip-path", "")):
                target = value.removeprefix("url(").removesuffix(")")
                assert not target or target.removeprefix("#") in ids


def test_every_chart_says_what_it_shows_to_those_who_do_not_see_it(charts: list[Chart]) -> None:
    for chart in charts:
        root = ET.fromstring(chart.svg)
        title, description = root[0], root[1]
        assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
        assert title.text == chart.title
        assert description.text
        assert root.attrib["aria-labelledby"].split() == [
            title.attrib["id"],
            description.attrib["id"],
        ]


def test_the_same_report_gives_the_same_bytes(report: Report, charts: list[Chart]) -> None:
    assert release_charts(report, report.releases[1], "r2") == charts


def test_drawing_leaves_matplotlib_as_it_was(report: Report) -> None:
    before = dict(mpl.rcParams)
    release_charts(report, report.releases[2])
    assert dict(mpl.rcParams) == before


def test_hostile_names_are_escaped(report: Report) -> None:
    hostile = "<b>$x$&"
    release = report.releases[1].model_copy(update={"version": hostile, "previous": hostile})
    charts = release_charts(report, release, "r2")
    for chart in charts:
        assert not list(ET.fromstring(chart.svg).iter(f"{SVG}script"))
    assert any(hostile in word for word in words(charts[1]))


def test_a_range_of_latencies_that_asks_for_it_is_logarithmic(report: Report) -> None:
    release = report.releases[1]

    def slow(tick_index: int) -> Interval:
        value = 0.01 if tick_index < 50 else 2.0
        return Interval(value=value, low=value / 2, high=value * 2)

    ticks = tuple(
        tick.model_copy(
            update={
                "checks": [
                    check.model_copy(update={"candidate": slow(i)})
                    if check.name == "latency"
                    else check
                    for check in tick.checks
                ]
            }
        )
        for i, tick in enumerate(release.ticks)
    )
    chart = release_charts(report, release.model_copy(update={"ticks": ticks}))[2]
    assert {"10 ms", "100 ms", "1 s"} <= set(words(chart))


def test_absolute_limits_are_drawn_where_they_are_near_and_told_where_they_are_far(
    report: Report,
) -> None:
    limit = LatencyLimit(quantile=0.99, limit=0.025)
    near = Check(name="latency", metric="latency", above=limit)
    checks = [near if c.name == "latency" else c for c in report.analysis.checks]
    changed = report.model_copy(
        update={"analysis": report.analysis.model_copy(update={"checks": checks})}
    )
    errors, latency = release_charts(changed, report.releases[1])[1:3]
    assert latency.title == "Time to answer, 99th percentile"
    assert "limit 25 ms" in words(latency)
    assert "↑ limit 5 %" in words(errors)


def test_arms_without_a_failure_show_how_much_is_still_possible(report: Report) -> None:
    none = Interval(value=0.0, low=0.0, high=0.0077)
    release = report.releases[1]
    ticks = tuple(
        tick.model_copy(
            update={
                "checks": [
                    check.model_copy(update={"stable": none, "candidate": none})
                    for check in tick.checks
                    if check.name == "errors"
                ]
            }
        )
        for tick in release.ticks
    )
    shown = words(release_charts(report, release.model_copy(update={"ticks": ticks}))[1])
    assert {"0 %", "0.5 %", "1 %", "1.5 %"} <= set(shown)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_arms_that_always_or_never_fail_can_be_drawn(rate: float) -> None:
    journal = Journal()
    journal.first("1")
    journal.release("2", Arm(rate, 0.018, shadow_error_share=rate), steps=((Journal.mirror(), 6),))
    report = build_report(journal.rollout(), journal.records)
    assert len(release_charts(report, report.releases[1])) == 6


@pytest.mark.parametrize("ticks", [1, 2, 5])
def test_a_rollout_of_a_few_ticks_can_be_drawn(ticks: int) -> None:
    journal = three_releases()
    started = journal.history[1].started
    few = [record for record in journal.records if record.time >= started][:ticks]
    report = build_report(journal.rollout(), few)
    charts = release_charts(report, report.releases[1])
    assert charts[0].title == "Traffic and decisions"


def test_ten_thousand_ticks_are_thinned(report: Report) -> None:
    release = report.releases[1]
    source = [tick for tick in release.ticks if tick.checks]
    ticks = tuple(
        source[i * len(source) // 10_000].model_copy(update={"time": release.started + 15.0 * i})
        for i in range(10_000)
    )
    charts = release_charts(report, release.model_copy(update={"ticks": ticks}))
    assert sum(len(chart.svg) for chart in charts) < 200_000


def test_a_rollout_that_flaps_at_every_tick_stays_small(report: Report) -> None:
    release = report.releases[1]
    flapping = [
        tick.model_copy(
            update={
                "time": release.started + i,
                "seen": Traffic(stable=100, mirror=100)
                if i % 2
                else Traffic(stable=95, candidate=5),
                "reason": f"R{i % 2}",
                "action": "Advance",
            }
        )
        for i, tick in enumerate(list(release.ticks) * 15)
    ]
    decisions = release.decisions * 100
    hostile = release.model_copy(update={"ticks": tuple(flapping), "decisions": decisions})
    assert sum(len(c.svg) for c in release_charts(report, hostile)) < 700_000


def test_decisions_that_only_wait_have_no_mark(report: Report) -> None:
    decisions = report.releases[1].decisions
    labels = [decision_label(decision) for decision in decisions]
    assert [label for label in labels if label] == ["start", "5 %", "25 %", "50 %", "promoted"]
    pause = decisions[0].model_copy(update={"action": "Pause"})
    assert decision_label(pause) == "paused"


def test_labels_at_the_ends_of_lines_do_not_overlap() -> None:
    with style.drawing("test"):
        axes = Figure(figsize=(5, 3)).add_subplot()
        axes.set_ylim(0, 1)
        style.label_ends(axes, [(0.99, "a\n1", "k"), (0.985, "b\n1", "k"), (0.98, "c\n1", "k")])
        gaps = np.diff([text.get_position()[1] for text in axes.texts])
        assert (gaps * style.points(axes)[1] >= 25).all()
        assert max(text.get_position()[1] for text in axes.texts) <= 1.0


@pytest.mark.parametrize(
    ("end", "unit", "last"),
    [
        (0.0, "s", "1 s"),
        (7.0, "s", "7 s"),
        (95.0, "s", "90 s"),
        (108.0, "min", "1:30 min"),
        (900.0, "min", "15 min"),
        (7_200.0, "h", "2 h"),
        (86_400.0 * 14, "d", "14 d"),
        (86_400.0 * 900, "d", "774 d"),
    ],
)
def test_the_axis_of_time_has_round_steps_in_a_fitting_unit(
    end: float, unit: str, last: str
) -> None:
    scale = style.TimeScale.of(end)
    with style.drawing("test"):
        axes = Figure().add_subplot()
        scale.apply(axes)
        labels = [label.get_text() for label in axes.get_xticklabels()]
    assert scale.unit == unit
    assert labels[-1] == last
    assert len(labels) <= 9


def test_what_the_font_lacks_is_replaced_before_it_warns() -> None:
    assert style.drawable("flüge 航班\nx") == "flüge \ufffd\ufffd\nx"


@pytest.mark.parametrize("title", ["Flight delays", "航班 $delay$ " * 40], ids=["plain", "hostile"])
def test_the_overview_is_a_picture_of_the_promised_size(report: Report, title: str) -> None:
    picture = imread(BytesIO(overview(report.model_copy(update={"title": title}))))
    assert picture.shape[:2] == (900, 1600)
    assert picture.min() < 0.5 < picture.max()


def test_the_overview_of_a_rollout_without_releases_is_a_picture_too(report: Report) -> None:
    empty = report.model_copy(update={"releases": ()})
    assert imread(BytesIO(overview(empty))).shape[:2] == (900, 1600)
