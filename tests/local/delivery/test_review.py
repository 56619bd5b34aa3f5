from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headrace.delivery.following import Patience
from headrace.delivery.review.approvals import FileWords, Word, word_of
from headrace.delivery.review.checks import Subject, checks_of
from headrace.delivery.review.fairness import Answers, treatment_of
from headrace.delivery.review.policy import Fairness, read_policy
from headrace.delivery.review.review import Review, review
from headrace.errors import (
    InvalidBundle,
    InvalidData,
    InvalidInput,
    PermanentError,
    PlatformUnavailable,
    TemporaryError,
)
from headrace.serving.bundle import read_bundle
from headrace.training.data.schema import Task
from headrace.training.packaging.package import Release, package
from tests.local.training.packaging.models import EVALUATION, TASKS, make

POLICY = """
format: headrace.dev/review/v1
card: [owner, intended_use]
licences: [CC0-1.0, Apache-2.0]
lineage: [data-digest, code-commit]
approvals: {needed: 2, by: [ada, grace, edsger]}
"""
ABOUT = {"owner": "flights", "intended_use": "boards", "licence": "CC0-1.0"}


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, Subject]:
    made = {}
    for task in TASKS:
        folder = tmp_path_factory.mktemp(task)
        model = make(folder, task)
        release = Release("flights", "7", ABOUT)
        package(folder / "bundle", release, model.path, model.train, model.holdout, EVALUATION)
        bundle = read_bundle(folder / "bundle")
        made[task] = Subject(bundle, folder / "bundle", EVALUATION, model.holdout)
    return made


@pytest.fixture
def subject(subjects: dict[Task, Subject]) -> Subject:
    return subjects["binary"]


class People:
    """People who say something at some look, while a clock is turned by hand."""

    def __init__(self, subject: Subject, says: dict[int, list[Word | Exception]]) -> None:
        self.subject, self.says = subject, says
        self.looks, self.now = 0, 1_700_000_000.0
        self.heard: dict[str, Word] = {}
        self.told: list[str] = []

    def of(self, name: str, version: str) -> list[Word]:
        assert (name, version) == ("flights", "7")
        self.looks += 1
        for word in self.says.get(self.looks, ()):
            if isinstance(word, Exception):
                raise word
            self.heard[word.by] = word
        return list(self.heard.values())

    def say(self, name: str, version: str, word: Word) -> None:
        raise AssertionError

    def review(self, policy: str = POLICY, timeout: float = 3600.0) -> Review:
        def sleep(seconds: float) -> None:
            self.now += seconds

        return review(
            read_policy(policy),
            self.subject,
            self,
            Patience(timeout, 10.0),
            self.told.append,
            clock=lambda: self.now,
            sleep=sleep,
        )


def says(subject: Subject, by: str, what: Any = "approve", **changes: Any) -> Word:
    now = datetime(2026, 11, 21, 20, 0, 30, tzinfo=UTC)
    return replace(word_of(by, what, subject.bundle.digest, "fine", now), **changes)


def test_two_people_say_yes(subject: Subject) -> None:
    people = People(subject, {2: [says(subject, "ada")], 5: [says(subject, "grace")]})
    found = people.review()
    assert (found.outcome, found.message) == ("Approved", "approved by ada, grace")
    assert people.looks == 5
    assert people.told == [
        "waiting for 2 more to say yes of ada, grace, edsger: headrace approve flights 7",
        "waiting for 1 more to say yes of ada, grace, edsger: headrace approve flights 7",
    ]
    found.require_approval()


def test_the_record_says_who_said_what_and_when(subject: Subject) -> None:
    people = People(subject, {1: [says(subject, "ada"), says(subject, "grace")]})
    record = json.loads(people.review().document())
    assert record["digest"] == subject.bundle.digest
    assert record["policyDigest"].startswith("sha256:")
    assert [(each["by"], each["at"], each["comment"]) for each in record["words"]] == [
        ("ada", "2026-11-21T20:00:30Z", "fine"),
        ("grace", "2026-11-21T20:00:30Z", "fine"),
    ]
    assert {each["name"] for each in record["checks"]} >= {"card: owner", "licence", "evaluation"}


def test_one_no_ends_it(subject: Subject) -> None:
    no = says(subject, "grace", "reject", comment="which data?")
    found = People(subject, {1: [says(subject, "ada")], 3: [no]}).review()
    assert (found.outcome, found.message) == ("Rejected", "grace: which data?")
    with pytest.raises(PermanentError, match="may not be rolled out"):
        found.require_approval()


def test_a_no_that_is_taken_back_counts_no_more(subject: Subject) -> None:
    no = says(subject, "ada", "reject")
    people = People(subject, {1: [no]})
    assert people.review().outcome == "Rejected"
    people = People(subject, {1: [no, says(subject, "ada"), says(subject, "grace")]})
    assert people.review().outcome == "Approved"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"digest": "sha256:" + "0" * 64}, "another bundle", id="other bytes"),
        pytest.param({"by": "mallory"}, "mallory is not among ada", id="somebody else"),
    ],
)
def test_words_that_do_not_count_are_told(
    subject: Subject, change: dict[str, Any], why: str
) -> None:
    wrong = replace(says(subject, "ada"), **change)
    people = People(subject, {1: [says(subject, "grace"), wrong]})
    found = people.review()
    assert found.outcome == "TimedOut"
    assert why in found.ignored[0]
    with pytest.raises(TemporaryError, match="TimedOut"):
        found.require_approval()


def test_one_person_twice_is_one_yes(subject: Subject) -> None:
    people = People(subject, {1: [says(subject, "ada")], 2: [says(subject, "ada", comment="!")]})
    assert people.review().outcome == "TimedOut"


def test_a_registry_that_does_not_answer_is_waited_for(subject: Subject) -> None:
    away = PlatformUnavailable("The registry does not answer.")
    people = People(subject, {1: [away], 2: [says(subject, "ada"), says(subject, "grace")]})
    assert people.review().outcome == "Approved"
    assert people.told == ["The registry does not answer."]


def test_nobody_is_asked_where_the_policy_asks_for_nobody(subject: Subject) -> None:
    people = People(subject, {})
    assert people.review("card: [owner]").outcome == "Approved"
    assert people.looks == 0


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        pytest.param("card: [owner, contact]", "card: contact: nobody has told it", id="card"),
        pytest.param("licences: [MIT]", "licence: it is CC0-1.0; allowed: MIT", id="licence"),
        pytest.param("lineage: [git]", "lineage: git: it is not known", id="lineage"),
        pytest.param(
            "fairness: [{column: carrier, measure: positive-rate, largestDifference: 0.001}]",
            "fairness: positive-rate by carrier: positive-rate by carrier is",
            id="fairness",
        ),
    ],
)
def test_what_is_not_as_the_policy_asks_refuses_before_anybody_is_asked(
    subject: Subject, policy: str, says: str
) -> None:
    people = People(subject, {})
    found = people.review(policy + "\napprovals: {needed: 1}\n")
    assert found.outcome == "Refused"
    assert says in found.message
    assert people.looks == 0
    assert says.split(":")[0] in found.page()


@pytest.mark.parametrize("evaluation", [{}, {"passed": False}, {"passed": "yes"}])
def test_a_model_that_did_not_pass_is_refused(subject: Subject, evaluation: dict[str, Any]) -> None:
    found = People(replace(subject, evaluation=evaluation), {}).review("card: []")
    assert found.outcome == "Refused"
    assert People(replace(subject, evaluation=evaluation), {}).review("evaluation: false")


def test_gates_that_failed_are_named(subject: Subject) -> None:
    gates = [{"expression": "auc > 0.9", "passed": False}, {"expression": "a", "passed": True}]
    failed = replace(subject, evaluation={"passed": False, "gates": gates})
    assert "it did not pass: auc > 0.9" in People(failed, {}).review("card: []").message


@pytest.mark.parametrize(
    ("task", "measure"),
    [
        ("binary", "positive-rate"),
        ("binary", "true-positive-rate"),
        ("binary", "accuracy"),
        ("multiclass", "accuracy"),
        ("regression", "mean-error"),
    ],
)
def test_fairness_of_every_kind_of_model(
    subjects: dict[Task, Subject], task: Task, measure: str
) -> None:
    bound = f"{{column: carrier, measure: {measure}, largestDifference: 100, leastRows: 10}}"
    (*_, check) = checks_of(read_policy(f"fairness: [{bound}]"), subjects[task])
    assert check.passed
    assert "too few rows to judge: (none) (" in check.message


@pytest.mark.parametrize(
    ("task", "measure"), [("regression", "accuracy"), ("multiclass", "positive-rate")]
)
def test_a_measure_that_a_model_does_not_have_is_refused(
    subjects: dict[Task, Subject], task: Task, measure: str
) -> None:
    policy = f"fairness: [{{column: carrier, measure: {measure}, largestDifference: 1}}]"
    with pytest.raises(InvalidInput, match="is none for a model whose answer is"):
        checks_of(read_policy(policy), subjects[task])


def bound(**changes: Any) -> Fairness:
    values = {"column": "sex", "measure": "positive-rate", "largestDifference": 0.2, "leastRows": 2}
    return Fairness.model_validate({k: v for k, v in (values | changes).items() if v is not None})


def given(yes: list[int]) -> Answers:
    return Answers("probability", np.array(yes, bool), np.ones(len(yes), bool))


def test_the_highest_and_the_lowest_group_are_compared() -> None:
    rows = pd.DataFrame({"sex": ["a", "a", "b", "b", "c", "c", "d", None]})
    told = treatment_of(bound(), rows, given([1, 1, 1, 0, 0, 0, 1, 1]))
    assert dict(told.groups) == {"a": 1.0, "b": 0.5, "c": 0.0}
    assert dict(told.left_out) == {"(none)": 1, "d": 1}
    assert not told.passed
    assert "0 for c and 1 for a: a difference of 1, at most 0.2" in told.message


@pytest.mark.parametrize(("ratio", "passed"), [(0.5, True), (0.51, False)])
def test_the_ratio_of_two_groups(ratio: float, passed: bool) -> None:
    rows = pd.DataFrame({"sex": [True, True, False, False]})
    asked = bound(largestDifference=None, smallestRatio=ratio)
    assert treatment_of(asked, rows, given([1, 1, 1, 0])).passed is passed


def test_nobody_said_yes_to_is_no_ratio_of_zero() -> None:
    rows = pd.DataFrame({"sex": ["a", "a", "b", "b"]})
    asked = bound(largestDifference=None, smallestRatio=0.8)
    assert treatment_of(asked, rows, given([0, 0, 0, 0])).passed


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param({"age": [1, 2]}, "no column 'sex'; they have age", id="no such column"),
        pytest.param({"sex": ["a", "b"]}, "two are needed", id="groups of one"),
        pytest.param({"sex": ["a", "a"]}, "has 1 groups", id="one group"),
    ],
)
def test_rows_that_tell_nothing_of_groups_are_refused(rows: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidData, match=says):
        treatment_of(bound(), pd.DataFrame(rows), given([1, 0]))


def test_fairness_without_rows_is_refused(subject: Subject) -> None:
    policy = read_policy("fairness: [{column: a, measure: accuracy, largestDifference: 1}]")
    with pytest.raises(InvalidInput, match="needs held-out rows"):
        checks_of(policy, replace(subject, holdout=None))


def test_a_bundle_without_a_card_is_refused(subject: Subject, tmp_path: Path) -> None:
    shutil.copytree(subject.folder, tmp_path / "bundle")
    (tmp_path / "bundle" / "card.json").unlink()
    with pytest.raises(InvalidBundle, match=r"has no card\.json"):
        checks_of(read_policy("card: []"), replace(subject, folder=tmp_path / "bundle"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "is no YAML"),
        ("5", "is none"),
        ("a: 1\na: 2", "is none"),
        ("kard: [owner]", "kard"),
        ("format: other", "format"),
        ("approvals: {needed: 2, by: [ada]}", "at most 1"),
        ("approvals: {needed: 0}", "needed"),
        ("fairness: [{column: a, measure: luck, largestDifference: 1}]", "measure"),
        ("fairness: [{column: a, measure: accuracy}]", "none or two bounds"),
        ("fairness: [{column: a, measure: mean-error, smallestRatio: 0.8}]", "mean-error"),
    ],
)
def test_a_policy_that_is_none_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_policy(text)


def test_words_in_files_are_kept_by_person(tmp_path: Path, subject: Subject) -> None:
    words = FileWords(tmp_path)
    assert list(words.of("flights", "7")) == []
    for word in (says(subject, "ada"), says(subject, "grace"), says(subject, "ada", "reject")):
        words.say("flights", "7", word)
    assert {each.by: each.says for each in words.of("flights", "7")} == {
        "ada": "reject",
        "grace": "approve",
    }


@pytest.mark.parametrize("text", ["[", "5", "- {by: ada}", "- {by: a, says: perhaps, at: b}"])
def test_words_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "flights-7.yaml").write_text(text)
    with pytest.raises(InvalidInput):
        FileWords(tmp_path).of("flights", "7")


@pytest.mark.parametrize("by", ["", "a:b", "<script>", "x" * 101])
def test_a_name_that_is_none_is_refused(by: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a person"):
        word_of(by, "approve", "sha256:0")


def test_hostile_words_are_shown_and_not_run(subject: Subject) -> None:
    word = says(subject, "ada", "reject", comment="<script>alert(1)</script>")
    page = People(subject, {1: [word]}).review().page()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
