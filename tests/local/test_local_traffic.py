"""Real Envoy, real processes: who gets which request, how it counts, and what a switch costs."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.api import Traffic
from headrace.protocol import ARM_HEADER, FEEDBACK, PREDICTIONS, VERSION_HEADER
from headrace.runtime.local.loopback import get
from headrace.runtime.local.platform import LocalPlatform
from tests.local.local_rollouts import Run, Users, await_true, package, plan, post, rollout
from tests.local.local_rollouts import standin_arguments as standin

pytestmark = pytest.mark.local

SAMPLE = re.compile(r"^envoy_cluster_upstream_rq_xx\{(.+?)\} (\d+)$", re.MULTILINE)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    models = {version: package(tmp_path, version) for version in ("1.5", "2.0")}
    with LocalPlatform(tmp_path / "run", server_arguments=standin, scrape_interval=0.5) as platform:
        yield Run(platform, rollout(models["1.5"]), tmp_path, models)


def answers(run: Run) -> Counter[tuple[str, str]]:
    """Give Envoy's answers, by the label of the cluster and the class of the status."""
    page = get(run.platform._router.admin_port, "/stats/prometheus").decode()
    found: Counter[tuple[str, str]] = Counter()
    for labels, count in SAMPLE.findall(page):
        of = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        found[of["envoy_cluster_name"], of["envoy_response_code_class"]] += int(count)
    return found


def test_three_of_four_requests_go_to_stable_and_one_to_the_candidate(run: Run) -> None:
    run.go(run.models["1.5"], run.models["2.0"], weight=25)
    seen = Counter(
        (status, headers[VERSION_HEADER], headers[ARM_HEADER], body["version"])
        for status, headers, body in (post(run.platform.url, PREDICTIONS) for _ in range(600))
    )
    stable, candidate = (200, "1.5", "stable", "1.5"), (200, "2.0", "candidate", "2.0")
    assert seen.keys() == {stable, candidate}
    # 150 expected, with a standard deviation of 10.6: outside once in 40,000 runs.
    assert 105 <= seen[candidate] <= 195
    assert answers(run) == {
        ("models/flight-delay/1~5/live", "2"): seen[stable],
        ("models/flight-delay/2~0/live", "2"): seen[candidate],
    }


def test_copies_reach_the_candidate_with_the_same_id_and_are_counted_apart(run: Run) -> None:
    run.go(run.models["1.5"], run.models["2.0"], mirror=100)
    for number in range(50):
        status, headers, _ = post(run.platform.url, PREDICTIONS, x_request_id=f"mine-{number}")
        assert (status, headers[VERSION_HEADER]) == (200, "1.5")
        assert headers["x-request-id"] == f"mine-{number}"
    post(run.platform.url, PREDICTIONS)
    await_true(lambda: len(run.seen("2.0")) == 51, "all copies are there")
    asked, copied = run.seen("1.5"), run.seen("2.0")
    assert sorted(asked) == sorted(copied)
    assert [name for _, name in asked[:50]] == [f"mine-{number}" for number in range(50)]
    assert len(asked[50][1]) == 36, "an id was made where there was none"
    assert answers(run) == {
        ("models/flight-delay/1~5/live", "2"): 51,
        ("models/flight-delay/2~0/mirror", "2"): 51,
    }


def test_half_of_the_requests_are_copied_at_a_mirror_of_fifty(run: Run) -> None:
    run.go(run.models["1.5"], run.models["2.0"], mirror=50)
    for _ in range(400):
        post(run.platform.url, PREDICTIONS)
    time.sleep(0.2)
    assert 155 <= len(run.seen("2.0")) <= 245  # 200 expected, with a standard deviation of 10


def test_feedback_goes_to_the_version_that_answered_and_is_counted_apart(run: Run) -> None:
    run.go(run.models["1.5"], run.models["2.0"], weight=25, mirror=100)
    for version, times in (("1.5", 3), ("2.0", 5)):
        for _ in range(times):
            assert post(run.platform.url, FEEDBACK, x_headrace_version=version)[0] == 200
    assert Counter(path for path, _ in run.seen("1.5")) == {FEEDBACK: 3}
    assert Counter(path for path, _ in run.seen("2.0")) == {FEEDBACK: 5}
    assert answers(run) == {
        ("models/flight-delay/1~5/feedback", "2"): 3,
        ("models/flight-delay/2~0/feedback", "2"): 5,
    }


@pytest.mark.parametrize(
    ("path", "headers", "status", "sentence"),
    [
        pytest.param(FEEDBACK, {}, 400, "header x-headrace-version", id="feedback of no version"),
        pytest.param(
            FEEDBACK,
            {"x_headrace_version": "7"},
            400,
            "header x-headrace-version",
            id="feedback of a version that does not run",
        ),
        pytest.param("/metadata", {}, 404, "POST /api/v1.0/predictions", id="another path"),
    ],
)
def test_what_no_version_can_answer_envoy_answers_itself(
    run: Run, path: str, headers: dict[str, str], status: int, sentence: str
) -> None:
    run.go(run.models["1.5"])
    found, _, body = post(run.platform.url, path, **headers)
    assert found == status
    assert sentence in body["status"]["info"]
    assert not answers(run)


def test_before_the_first_version_is_ready_users_are_told_to_wait(run: Run) -> None:
    status, _, body = post(run.platform.url, PREDICTIONS)
    assert (status, body["status"]["reason"]) == (503, "NotReady")


def test_no_request_is_lost_in_a_whole_rollout(run: Run) -> None:
    stable, candidate = run.models["1.5"], run.models["2.0"]
    run.go(stable)
    with Users(run.platform.url) as users:
        for weight, mirror in ((0, 100), (5, 0), (50, 0), (100, 0)):
            run.go(stable, candidate, weight, mirror)
            time.sleep(0.5)
        run.go(candidate)
        await_true(lambda: "1.5" not in run.observe().versions, "the old version is gone")
        time.sleep(0.5)
    assert users.failed == []
    assert {version for _, version, _ in users.answers} == {"1.5", "2.0"}
    assert len(users.answers) > 150


def test_no_request_is_lost_in_a_rollback_and_the_way_back(run: Run) -> None:
    stable, candidate = run.models["1.5"], run.models["2.0"]
    run.go(stable)
    with Users(run.platform.url) as users:
        for _ in range(3):
            run.go(stable, candidate, weight=50)
            run.go(stable)
        await_true(lambda: "2.0" not in run.observe().versions, "the candidate is gone")
    assert users.failed == []


def test_no_request_is_lost_when_replicas_come_and_go(run: Run) -> None:
    model = run.models["1.5"]
    run.go(model)
    with Users(run.platform.url) as users:
        for replicas in (3, 1, 2):
            run.rollout = rollout(model, replicas)
            run.go(model)
            await_true(lambda: list(run.observe().versions) == ["1.5"], "scaled")
            time.sleep(1.5)
    assert users.failed == []
    names = {process.name for process in run.platform.processes()}
    assert {name for name in names if name.startswith("server")} == {
        "server-1.5-0",
        "server-1.5-1",
    }


def test_a_dead_candidate_costs_no_user_anything_and_its_copies_count_as_failed(run: Run) -> None:
    run.go(run.models["1.5"], run.models["2.0"], mirror=100)
    with Users(run.platform.url) as users:
        time.sleep(0.5)
        run.break_version("2.0")
        await_true(lambda: run.observe().versions["2.0"].ready == 0, "the candidate is dead")
        time.sleep(2)
    assert users.failed == []
    counted = answers(run)
    assert counted["models/flight-delay/1~5/live", "2"] == len(users.answers)
    assert counted["models/flight-delay/2~0/mirror", "5"] > 80
    copies = [count for (name, _), count in counted.items() if name.endswith("/mirror")]
    assert sum(copies) == len(users.answers)


def test_a_candidate_that_hangs_costs_no_user_anything(run: Run) -> None:
    slow = package(run.folder, "3", delay="30")
    run.go(run.models["1.5"], slow, mirror=100)
    with Users(run.platform.url) as users:
        time.sleep(4)
    assert users.failed == []
    # 64 copies are on their way and 64 wait; the rest were answered for it at once.
    failed = answers(run)["models/flight-delay/3/mirror", "5"]
    assert len(users.answers) - 128 <= failed < len(users.answers)
    assert failed > 20


def test_a_rollback_does_not_wait_for_a_dead_candidate(run: Run) -> None:
    stable, candidate = run.models["1.5"], run.models["2.0"]
    run.go(stable, candidate, weight=50)
    run.break_version("2.0")
    await_true(lambda: run.observe().versions["2.0"].ready == 0, "the candidate is dead")
    assert {post(run.platform.url, PREDICTIONS)[0] for _ in range(40)} == {200, 503}
    assert run.go(stable) < 2
    assert {post(run.platform.url, PREDICTIONS)[0] for _ in range(40)} == {200}


def test_a_candidate_that_is_not_ready_gets_no_users(run: Run) -> None:
    stable = run.models["1.5"]
    broken = package(run.folder, "3", refuse="InvalidBundle: it has no model.")
    run.go(stable)
    with Users(run.platform.url) as users:
        run.platform.apply(run.rollout, plan(stable, broken, weight=50))
        await_true(lambda: run.observe().versions["3"].refused, "it is refused")
        time.sleep(1)
        assert run.observe().traffic == Traffic(stable=100)
    assert users.failed == []
    assert run.observe().versions["3"].refused == "InvalidBundle: it has no model."
    assert run.observe().versions["3"].restarts == 0
