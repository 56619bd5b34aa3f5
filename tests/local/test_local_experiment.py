"""Real Envoy, real processes: an A/B/n test whose users stay with their arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.api import Stickiness, Traffic
from headrace.engine.plan import Plan
from headrace.protocol import ARM_HEADER, PREDICTIONS, VERSION_HEADER
from headrace.runtime.local.platform import LocalPlatform
from tests.local.local_rollouts import Run, Users, await_true, package, post, rollout
from tests.local.local_rollouts import standin_arguments as standin

pytestmark = pytest.mark.local


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    models = {version: package(tmp_path, version) for version in ("1.5", "2.0", "3.0")}
    with LocalPlatform(tmp_path / "run", server_arguments=standin, scrape_interval=0.5) as platform:
        yield Run(platform, rollout(models["1.5"]), tmp_path, models)


def experiment(run: Run) -> Plan:
    models = run.models
    return Plan(
        models["1.5"],
        models["2.0"],
        Traffic(stable=40, candidate=30, challengers={"3.0": 30}),
        challengers=(models["3.0"],),
        sticky=Stickiness(cookie="arm"),
    )


def apply(run: Run, wanted: Plan) -> None:
    run.platform.apply(run.rollout, wanted)
    await_true(lambda: run.observe().traffic == wanted.traffic, f"{wanted.traffic}", 30.0)


def test_users_are_split_over_three_arms_and_each_stays_with_its_own(run: Run) -> None:
    run.go(run.models["1.5"])
    apply(run, experiment(run))
    url = run.platform.url
    arms: Counter[str] = Counter()
    for _ in range(60):
        status, headers, _ = post(url, PREDICTIONS)
        version = headers[VERSION_HEADER]
        arms[version] += 1
        cookie = headers["set-cookie"].partition(";")[0]
        assert (status, cookie) == (200, f"arm={version}")
        assert headers[ARM_HEADER] == ("stable" if version == "1.5" else "candidate")
        for _ in range(5):
            again = post(url, PREDICTIONS, cookie=f"theme=dark; {cookie}")[1]
            assert again[VERSION_HEADER] == version
            assert "set-cookie" not in again
    # Each arm has at least 30 %: none of 60 once in 10 ** 9 runs.
    assert set(arms) == {"1.5", "2.0", "3.0"}


def test_users_of_an_arm_that_is_dropped_get_another_one_and_no_error(run: Run) -> None:
    run.go(run.models["1.5"])
    apply(run, experiment(run))
    with Users(run.platform.url) as users:
        wanted = replace(experiment(run), traffic=Traffic(stable=70, candidate=30), challengers=())
        apply(run, wanted)
        _, headers, _ = post(run.platform.url, PREDICTIONS, cookie="arm=3.0")
        await_true(lambda: "3.0" not in run.observe().versions, "3.0 is gone", 20.0)
    assert users.failed == []
    assert headers[VERSION_HEADER] in ("1.5", "2.0")
    assert headers["set-cookie"].startswith("arm=")


def test_a_previous_version_runs_without_traffic_and_takes_it_back_at_once(run: Run) -> None:
    models = run.models
    run.go(models["1.5"])
    kept = Plan(models["2.0"], None, Traffic(stable=100), previous=models["1.5"])
    apply(run, kept)
    await_true(lambda: run.observe().versions["1.5"].ready == 1, "1.5 is warm")
    assert post(run.platform.url, PREDICTIONS)[1][VERSION_HEADER] == "2.0"
    with Users(run.platform.url) as users:
        back = Plan(models["1.5"], models["2.0"], Traffic(stable=100))
        run.platform.apply(run.rollout, back)
        seconds = await_true(
            lambda: post(run.platform.url, PREDICTIONS)[1][VERSION_HEADER] == "1.5", "back"
        )
    assert users.failed == []
    assert seconds < 2
