"""Real bundles in their real server, under real load."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from headrace.delivery.serving_test.load import Level, knee_of, levels_of, measure
from headrace.delivery.serving_test.trial import (
    Limits,
    Load,
    ServingTest,
    judged,
    run_serving_test,
)
from headrace.errors import InvalidBundle, InvalidData, InvalidInput, PlatformUnavailable
from headrace.training.data.schema import Task
from headrace.training.packaging.package import Release, package
from tests.local.training.packaging.models import EVALUATION, TASKS, Made, make

HANDLER = """
from headrace.serving.feature_server import FeatureServer

class Wrong(FeatureServer):
    def transform(self, columns):
        inputs = super().transform(columns)
        return {**inputs, "hour": [hour + 1 for hour in inputs["hour"]]}
"""
RIGHT = "headrace.serving.feature_server.FeatureServer"
FEATURES = """
def hours(columns):
    return {**columns, "hour": [minute / 60 for minute in columns["minute"]]}
"""


@pytest.fixture(scope="module", autouse=True)
def _features(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have a package of the user's, here and where models are served."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "served_features.py").write_text(FEATURES)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Task], tuple[Made, Path]]:
    bundles: dict[Task, tuple[Made, Path]] = {}

    def of(task: Task) -> tuple[Made, Path]:
        if task not in bundles:
            folder = tmp_path_factory.mktemp(task)
            model = make(folder, task, features="served_features:hours")
            release = Release("flights", "1")
            package(folder / "b", release, model.path, model.train, model.holdout, EVALUATION)
            bundles[task] = model, folder / "b"
        return bundles[task]

    return of


@pytest.fixture(autouse=True)
def _handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "served_handlers.py").write_text(HANDLER)
    monkeypatch.chdir(tmp_path)


def tried(bundle: Path, rows: Any, handler: str = RIGHT, **limits: float) -> ServingTest:
    load = Load((1, 2), 1.5, 100)
    return run_serving_test(bundle, rows, handler, load, Limits(**limits), lambda line: None)


@pytest.mark.parametrize("task", TASKS)
def test_a_model_of_each_kind_serves_as_it_must(
    made: Callable[[Task], tuple[Made, Path]], task: Task
) -> None:
    model, bundle = made(task)
    found = tried(bundle, model.holdout, failed=0.05)
    assert [each for each in found.findings if not each.passed] == []
    assert [level.users for level in found.levels] == [1, 2]
    for level in found.levels:
        assert level.requests > 0
        assert level.p50 is not None
        assert level.p95 is not None
        assert 0 < level.p50 <= level.p95
    assert found.knee is not None
    document = json.loads(found.document())
    assert (document["passed"], document["digest"]) == (True, found.digest)
    page = found.page()
    assert "<svg" in page
    assert "The knee is at" in page
    numbers = found.metrics()
    assert numbers["passed"] == 1.0
    assert numbers["knee_users"] in (1.0, 2.0)
    assert psutil.Process().children(recursive=True) == []


def test_features_that_are_computed_otherwise_when_served_are_found_out(
    made: Callable[[Task], tuple[Made, Path]],
) -> None:
    model, bundle = made("regression")
    found = tried(bundle, model.holdout, "served_handlers.Wrong", throughput=1e6)
    failed = {each.name for each in found.findings if not each.passed}
    assert {"the same answers as offline", "throughput and latency"} <= failed
    with pytest.raises(InvalidBundle, match=r"does not serve as it must: the same answers"):
        found.require_pass()


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        pytest.param("served_handlers.Nothing", "Nothing", id="no such class"),
        pytest.param("../x", "cannot be rolled out", id="no name of a class"),
    ],
)
def test_a_server_that_does_not_start_is_told(
    made: Callable[[Task], tuple[Made, Path]], handler: str, says: str
) -> None:
    model, bundle = made("binary")
    with pytest.raises((PlatformUnavailable, InvalidBundle, InvalidInput), match=says):
        tried(bundle, model.holdout, handler)


def test_rows_are_needed(made: Callable[[Task], tuple[Made, Path]]) -> None:
    model, bundle = made("binary")
    with pytest.raises(InvalidData, match="no rows to send"):
        tried(bundle, model.holdout.head(0))


def level(users: int, throughput: float, p50: float | None, **failed: int) -> Level:
    requests = 0 if p50 is None else 100
    return Level(users, requests, failed, throughput, p50, p50, p50, 0.2)


def test_the_knee_is_where_more_users_begin_to_wait_for_each_other() -> None:
    levels = [level(1, 100, 0.01), level(2, 195, 0.0103), level(4, 200, 0.02), level(8, 0, None)]
    knee = knee_of(levels)
    assert knee is not None
    assert knee.users == 2


def test_there_is_no_knee_where_nobody_is_answered() -> None:
    assert knee_of([level(1, 0, None, timeout=5)]) is None


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        pytest.param(Limits(), [True], id="nothing is asked"),
        pytest.param(Limits(throughput=150, p95=0.02), [True, True], id="one level keeps both"),
        pytest.param(Limits(throughput=150, p95=0.015), [True, False], id="none keeps both"),
        pytest.param(Limits(p95=0.01), [True, True], id="latency alone"),
    ],
)
def test_some_level_must_keep_both_limits(limits: Limits, passed: list[bool]) -> None:
    found = judged((level(1, 100, 0.01), level(2, 160, 0.02)), limits)
    assert [each.passed for each in found] == passed


@pytest.mark.parametrize(
    ("levels", "passed"),
    [
        pytest.param((level(1, 10, 0.01, timeout=1),), False, id="some fail"),
        pytest.param((level(1, 0, None, refused=9),), False, id="all fail"),
        pytest.param((level(1, 0, None),), False, id="nobody was answered"),
    ],
)
def test_failures_under_load_are_told(levels: tuple[Level, ...], passed: bool) -> None:
    (found,) = judged(levels, Limits())
    assert found.passed is passed


@pytest.mark.parametrize("text", ["", "a", "0,1", "2,1", "1,1", "1,1000", "1,,2"])
def test_levels_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected rising numbers of users"):
        levels_of(text)


def test_levels_are_read() -> None:
    assert levels_of("1, 2,16") == (1, 2, 16)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1000.0])
def test_load_is_bounded(seconds: float) -> None:
    with pytest.raises(InvalidInput, match="at most 900 s in all"):
        measure("http://127.0.0.1:1", [b"{}"], [1, 2], seconds)


def test_a_server_that_is_gone_is_counted_as_failures() -> None:
    (found,) = measure("http://127.0.0.1:9", [b"{}"], [1], 1.0)
    assert found.requests == 0
    assert found.p95 is None
    assert sum(found.failed.values()) > 0
