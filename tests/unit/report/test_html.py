from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from headrace.report.build import build_report
from headrace.report.html import render_html
from headrace.report.report import ClientCounts, Event, Report
from tests.unit.report.journals import Arm, Journal, a_rollout

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Reads a page strictly enough to find what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def ids(self) -> Iterator[str]:
        return (str(attributes["id"]) for _, attributes in self.tags if "id" in attributes)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).replace("\xa0", " ").split())


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return render_html(report)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_is_well_formed_with_unique_ids(page: Page) -> None:
    assert page.open == []
    ids = list(page.ids())
    assert len(ids) == len(set(ids))


def test_the_page_stands_alone_and_runs_nothing(html: str, page: Page) -> None:
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "base"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "action"):
            target = attributes.get(name)
            assert target is None or target.startswith("#")
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_three_releases_fit_into_a_small_file(html: str) -> None:
    assert len(html.encode()) < 400_000


def test_everything_of_the_report_is_told(report: Report, page: Page) -> None:
    text = page.text
    assert report.title in text
    for release in report.releases:
        assert f"Version {release.version}" in text
        for decision in release.decisions:
            assert decision.reason in text
        assert release.message in text
    for event in report.events:
        assert event.subject in text
        assert event.message in text
    assert "9,124 requests sent, 9,067 answered, 57 failed (HTTP 500)" in text
    assert "2025-07-31 03:00:14 UTC to 03:02:02, 1 min 48 s" in text


HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} &amp;"


def test_hostile_text_is_shown_and_never_run() -> None:
    journal = Journal()
    journal.first("1")
    journal.release("2", Arm(0.2, 0.02))
    records = [
        r.model_copy(update={"message": HOSTILE, "reason": HOSTILE, "action": HOSTILE})
        for r in journal.records
    ]
    rollout = journal.rollout()
    history = [
        h.model_copy(update={"message": HOSTILE, "reason": HOSTILE, "by": HOSTILE})
        for h in rollout.status.history
    ]
    status = rollout.status.model_copy(update={"history": history})
    report = build_report(
        rollout.model_copy(update={"status": status}),
        records,
        [Event(time=0.0, subject=HOSTILE, message=HOSTILE)],
        ClientCounts(sent=1, answered=0, failed={HOSTILE: 1}, answers={HOSTILE: {HOSTILE: 1}}),
        title=HOSTILE,
    )
    page = Page(render_html(report))
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert page.text.count("<script>alert(1)</script>") > 10
    assert "{{ 7*7 }}" in page.text


@pytest.mark.parametrize("with_journal", [True, False], ids=["with journal", "without journal"])
def test_a_rollout_without_releases_is_a_page_too(journal: Journal, with_journal: bool) -> None:
    records = journal.records if with_journal else []
    text = Page(render_html(build_report(a_rollout(), records))).text
    assert "Nothing has been released yet." in text
    assert "What the users saw" not in text


def test_releases_without_a_journal_say_that_there_is_nothing_to_draw(journal: Journal) -> None:
    text = Page(render_html(build_report(journal.rollout(), []))).text
    assert text.count("The journal has no moments of this release") == 2


def test_what_a_version_was_made_of_is_told_where_it_is_known(journal: Journal) -> None:
    known = {"2": {"digest": "sha256:4f", "code": "<b>abc</b>"}}
    report = build_report(journal.rollout(), journal.records, made_of=known)
    text = Page(render_html(report)).text
    assert text.count("Made of") == 1
    assert "digest sha256:4f" in text
    assert "code <b>abc</b>" in text


def test_a_rollout_under_way_says_so() -> None:
    journal = Journal()
    journal.first("1")
    journal.release("2", Arm(0.004, 0.018), end=False)
    text = Page(render_html(build_report(journal.rollout("2"), journal.records))).text
    assert "in progress" in text
    assert "so far." in text


def test_very_long_messages_and_any_script_are_told_whole() -> None:
    long = "航班晚点 ünïcode 🚀 " * 500
    journal = Journal()
    journal.first("1")
    journal.tick("Hold", "Long", long, version="1")
    rollout = journal.rollout()
    history = [h.model_copy(update={"message": long}) for h in rollout.status.history]
    status = rollout.status.model_copy(update={"history": history})
    report = build_report(rollout.model_copy(update={"status": status}), journal.records)
    assert " ".join(long.split()) in Page(render_html(report)).text


def test_fifty_releases_and_countless_decisions_make_a_page_that_opens(report: Report) -> None:
    busy = report.releases[1].model_copy(update={"decisions": report.releases[1].decisions * 50})
    undrawn = busy.model_copy(update={"ticks": ()})
    releases = (*[undrawn] * 48, busy, report.releases[2])
    html = render_html(report.model_copy(update={"releases": releases}))
    assert len(html.encode()) < 1_500_000
    page = Page(html)
    assert len(list(page.ids())) == len(set(page.ids()))
    assert "Charts are drawn for the latest 12 releases" in page.text
    assert "more decisions are in report.json" in page.text


def test_a_release_of_two_days_tells_both(report: Report) -> None:
    release = report.releases[1]
    assert release.ended is not None
    long = release.model_copy(update={"ended": release.ended + 86_400})
    text = Page(render_html(report.model_copy(update={"releases": (long,)}))).text
    assert "2025-07-31 03:00:14 UTC to 2025-08-01 03:02:02 UTC" in text
