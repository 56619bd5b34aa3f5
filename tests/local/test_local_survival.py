"""Real processes that are killed: what goes on, what comes back, and that nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from headrace.errors import Conflict, PlatformUnavailable
from headrace.protocol import PREDICTIONS
from headrace.runtime.local.loopback import get_json
from headrace.runtime.local.platform import LocalPlatform
from headrace.runtime.local.supervisor import State
from tests.local.local_rollouts import Run, Users, await_true, package, plan, post, rollout
from tests.local.local_rollouts import standin_arguments as standin

pytestmark = pytest.mark.local

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    models = {version: package(tmp_path, version) for version in ("1", "2")}
    with LocalPlatform(tmp_path / "run", server_arguments=standin, scrape_interval=0.5) as platform:
        yield Run(platform, rollout(models["1"]), tmp_path, models)


def test_a_killed_server_comes_back_and_the_other_one_serves_meanwhile(run: Run) -> None:
    run.rollout = rollout(run.models["1"], replicas=2)
    run.go(run.models["1"])
    with Users(run.platform.url) as users:
        time.sleep(0.5)
        run.kill("server-1-0")
        await_true(lambda: run.observe().versions["1"].ready == 2, "both are ready")
    assert run.observe().versions["1"].restarts == 1
    # Lost is only what was sent to it while it died, because nobody knows if it was answered.
    assert len(users.failed) <= 3


def test_a_killed_envoy_comes_back_with_the_same_port_and_the_same_routes(run: Run) -> None:
    run.go(run.models["1"], run.models["2"], weight=25)
    carried = run.observe().traffic
    run.kill("envoy")
    await_true(lambda: run.observe().traffic == carried, "it carries the same")
    await_true(lambda: post(run.platform.url, PREDICTIONS)[0] == 200, "it answers")
    run.go(run.models["1"], run.models["2"], weight=75)


def test_while_envoy_is_down_the_world_says_so(run: Run) -> None:
    run.go(run.models["1"])
    pid = run.process("envoy").pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    world = run.observe()
    assert world.traffic is None
    assert "Envoy cannot be asked" in world.problem
    await_true(lambda: not run.observe().problem, "it is back")


def test_a_killed_prometheus_comes_back_with_what_it_had(run: Run) -> None:
    run.go(run.models["1"])
    port = int(run.platform.prometheus_url.rsplit(":", 1)[1])

    def samples() -> int:
        query = "/api/v1/query?query=count_over_time(headrace_model_info[5m])"
        result = get_json(port, query)["data"]["result"]
        return int(result[0]["value"][1]) if result else 0

    await_true(lambda: samples() >= 4, "four scrapes")
    run.kill("prometheus")

    def goes_on() -> bool:
        try:
            return samples() >= 6
        except PlatformUnavailable:
            return False

    await_true(goes_on, "two more scrapes")


def test_a_killed_comparator_and_a_killed_guard_come_back(run: Run) -> None:
    run.go(run.models["1"], run.models["2"], mirror=100)
    run.kill("comparator")
    run.kill("guard")
    assert run.observe().problem == ""


def test_a_server_that_always_dies_is_started_less_and_less_often(run: Run) -> None:
    run.go(run.models["1"])
    run.break_version("1")
    await_true(lambda: run.process("server-1-0").restarts == 2, "two restarts")
    await_true(lambda: run.process("server-1-0").state is State.WAITING, "it waits")
    assert run.process("server-1-0").message == "ended with 1"
    assert run.observe().versions["1"].refused == ""


def test_a_bundle_of_another_digest_is_refused_and_the_stable_version_serves(run: Run) -> None:
    run.go(run.models["1"])
    changed = run.models["2"].model_copy(update={"digest": "sha256:" + "0" * 64})
    run.platform.apply(run.rollout, plan(run.models["1"], changed))
    await_true(lambda: run.observe().versions["2"].refused, "it is refused")
    refused = run.observe().versions["2"].refused
    assert refused.startswith("DigestMismatch: The bundle at file://")
    assert post(run.platform.url, PREDICTIONS)[0] == 200
    # The digest is corrected, under the same version name.
    run.go(run.models["1"], run.models["2"])
    assert run.observe().versions["2"].refused == ""


def test_a_version_that_runs_does_not_become_another_model(run: Run) -> None:
    run.go(run.models["1"])
    other = run.models["1"].model_copy(update={"digest": "sha256:" + "0" * 64})
    with pytest.raises(PlatformUnavailable, match="give the changed model another"):
        run.platform.apply(run.rollout, plan(other))
    assert run.observe().versions["1"].ready == 1


def test_a_file_that_cannot_be_written_is_told_and_written_later(run: Run) -> None:
    run.go(run.models["1"])
    routes = run.folder / "run" / "envoy" / "routes" / "routes.json"
    routes.unlink()
    routes.mkdir()
    (routes / "in the way").touch()
    run.platform.apply(run.rollout, plan(run.models["1"], run.models["2"], weight=25))
    await_true(lambda: "cannot be used" in run.observe().problem, "it says so")
    (routes / "in the way").unlink()
    routes.rmdir()
    run.go(run.models["1"], run.models["2"], weight=25)
    assert run.observe().problem == ""


def test_two_platforms_run_beside_each_other_but_not_in_one_folder(run: Run) -> None:
    run.go(run.models["1"])
    with LocalPlatform(run.folder / "other", server_arguments=standin) as second:
        other = Run(second, rollout(run.models["2"]), run.folder)
        other.go(run.models["2"])
        assert post(second.url, PREDICTIONS)[2] == {"version": "2"}
        assert post(run.platform.url, PREDICTIONS)[2] == {"version": "1"}
    with pytest.raises(Conflict, match="Another Headrace runs in"):
        LocalPlatform(run.folder / "run", server_arguments=standin).start()


def test_a_port_that_is_taken_is_told_before_anything_starts(run: Run) -> None:
    port = int(run.platform.url.rsplit(":", 1)[1])
    second = LocalPlatform(run.folder / "other", server_arguments=standin, port=port)
    with pytest.raises(Conflict, match=f"Port {port}"):
        second.start()
    assert [process.pid for process in second.processes()] == [None]


def test_after_the_close_no_process_is_left_and_a_second_close_is_nothing(tmp_path: Path) -> None:
    model = package(tmp_path, "1")
    platform = LocalPlatform(tmp_path / "run", server_arguments=standin)
    platform.start()
    Run(platform, rollout(model), tmp_path).go(model)
    pids = [process.pid for process in platform.processes()]
    assert None not in pids
    platform.close()
    platform.close()
    assert not [pid for pid in pids if psutil.pid_exists(pid or 0)]
    with pytest.raises(PlatformUnavailable, match="does not run"):
        platform.observe(rollout(model))


PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
# Under nohup and in the background of a script these are ignored, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from headrace.runtime.local.platform import LocalPlatform
from tests.local.local_rollouts import Run, package, rollout, standin_arguments

folder = Path(sys.argv[1])
model = package(folder, "1")
with LocalPlatform(folder / "run", server_arguments=standin_arguments) as platform:
    run = Run(platform, rollout(model), folder)
    run.go(model)
    print(json.dumps({p.name: p.pid for p in platform.processes()}), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "guard_first"),
    [
        pytest.param(signal.SIGKILL, False, id="kill -9"),
        pytest.param(signal.SIGKILL, True, id="kill -9 a second after one of the guard"),
        pytest.param(signal.SIGTERM, False, id="kill"),
        pytest.param(signal.SIGINT, False, id="Ctrl-C"),
        pytest.param(signal.SIGHUP, False, id="a closed terminal"),
    ],
)
def test_nothing_outlives_us(tmp_path: Path, number: signal.Signals, guard_first: bool) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert program.stdout is not None
    with program.stdout:
        pids: dict[str, int] = json.loads(program.stdout.readline())
        groups = [psutil.Process(pid) for pid in pids.values()]
        everybody = [p for group in groups for p in (group, *group.children(recursive=True))]
        assert set(pids) == {"guard", "envoy", "prometheus", "server-1-0"}
        if guard_first:
            os.kill(pids["guard"], signal.SIGKILL)
            time.sleep(1)
            children = psutil.Process(program.pid).children()
            everybody += [child for child in children if child not in everybody]
        program.send_signal(number)
        program.wait(20)
    assert program.returncode != 0
    _, left = psutil.wait_procs(everybody, timeout=15)
    assert left == []
