"""Pipelines in real processes: toy ones for what may go wrong, then the real one both ways."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from headrace.api import load_rollout
from headrace.errors import InvalidData, InvalidInput, PermanentError, PlatformUnavailable
from headrace.pipelines.compile import compile_definition
from headrace.pipelines.local_run import HEARTBEAT_SECONDS, PipelineRun, Progress, run_pipeline
from headrace.registry import CHALLENGER, Registry
from headrace.serving.bundle import read_bundle

pytestmark = pytest.mark.local

ROOT = Path(__file__).resolve().parents[2]
FLIGHT_DELAY = ROOT / "pipelines" / "flight_delay" / "pipeline.yaml"

TOY = """
from typing import NamedTuple

from kfp import dsl

component = dsl.component(
    base_image="python-toy:1", packages_to_install=[], install_kfp_package=False
)


@component
def check(number: int) -> bool:
    print(f"the number is {number}")
    if number < 0:
        from headrace.errors import InvalidData

        raise InvalidData("The number is negative.\\n  Expected a count.")
    if number == 13:
        raise ZeroDivisionError("unlucky")
    return number > 5


@component
def try_again(marks: str, tries: int) -> str:
    from pathlib import Path

    from headrace.errors import InvalidData

    made = Path(marks)
    made.write_text(made.read_text() + "x" if made.exists() else "x")
    if len(made.read_text()) < tries:
        raise InvalidData(f"That was try {len(made.read_text())}.")
    return made.read_text()


@component
def wait(seconds: float, pids: str) -> str:
    import os
    import time
    from pathlib import Path

    Path(pids).write_text(str(os.getpid()))
    time.sleep(seconds)
    return "waited"


@component
def pair() -> NamedTuple("Pair", [("yes", bool), ("no", bool)]):
    from typing import NamedTuple

    return NamedTuple("Pair", [("yes", bool), ("no", bool)])(True, False)


@dsl.pipeline(name="toy")
def retried(marks: str, tries: int) -> str:
    return try_again(marks=marks, tries=tries).set_retry(1, backoff_duration="0s").output


@dsl.pipeline(name="toy")
def branching(number: int) -> bool:
    checked = check(number=number)
    with dsl.If(checked.output == True):
        check(number=number)
    return checked.output


@dsl.pipeline(name="toy")
def waiting(seconds: float, pids: str) -> str:
    return wait(seconds=seconds, pids=pids).output


@dsl.pipeline(name="toy")
def undecidable():
    with dsl.If(pair().outputs["yes"] == True):
        check(number=1)
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compile one of the pipelines above."""
    folder = tmp_path_factory.mktemp("toy")

    def compiled(name: str) -> Path:
        source = folder / name / "pipeline.py"
        if not source.exists():
            source.parent.mkdir()
            source.write_text(TOY)
            source.with_suffix(".yaml").write_text(compile_definition(source))
        return source.with_suffix(".yaml")

    return compiled


def run(
    pipeline: Path, root: Path, timeout: float = 900.0, **arguments: Any
) -> tuple[PipelineRun, list[Progress]]:
    seen: list[Progress] = []
    return run_pipeline(pipeline, arguments, root / "runs", seen.append, timeout), seen


@pytest.mark.parametrize(
    ("number", "tasks"),
    [
        pytest.param(7, ["check", "check-2"], id="a condition that is true"),
        pytest.param(3, ["check"], id="a condition that is false"),
    ],
)
def test_tasks_are_told_as_they_run(
    toy: Callable[[str], Path], tmp_path: Path, number: int, tasks: list[str]
) -> None:
    result, seen = run(toy("branching"), tmp_path, number=number)
    assert result.outputs == {"Output": number > 5}
    assert list(result.tasks) == tasks
    assert [(each.task, each.line) for each in seen if each.line] == [
        (task, f"the number is {number}") for task in tasks
    ]
    assert [each.task for each in seen if each.state == "Succeeded"] == tasks


@pytest.mark.parametrize("number", [7, -1], ids=["that has ended well", "that has failed"])
def test_nothing_is_left_behind_by_a_run(
    toy: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it was looked up before
    with suppress(InvalidInput):
        run(toy("branching"), tmp_path, number=number)
    assert not list(temporary.iterdir())


def test_a_task_s_own_error_is_passed_on_with_its_whole_text(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as raised:
        run(toy("branching"), tmp_path, number=-1)
    assert not isinstance(raised.value, InvalidData)  # the kind that a caller decides by
    text = str(raised.value)
    assert text.startswith("The task check of ")
    assert text.endswith("failed: The number is negative.\n  Expected a count.")


def test_a_task_that_succeeds_when_it_is_tried_again_has_succeeded(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    result, _ = run(toy("retried"), tmp_path, marks=str(tmp_path / "marks"), tries=2)
    assert result.outputs == {"Output": "xx"}


def test_a_task_that_fails_again_and_again_gives_its_last_error(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="failed: That was try 2"):
        run(toy("retried"), tmp_path, marks=str(tmp_path / "marks"), tries=9)


def test_any_other_error_is_shown_with_the_last_lines(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(PermanentError, match=r"The task check of .* failed") as raised:
        run(toy("branching"), tmp_path, number=13)
    assert str(raised.value).endswith("ZeroDivisionError: unlucky")


def test_a_condition_that_kfp_cannot_evaluate_is_an_error_and_not_false(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(PermanentError, match="could not be evaluated, and KFP took it for false"):
        run(toy("undecidable"), tmp_path)


def test_an_argument_that_the_pipeline_lacks_is_an_error(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(PermanentError, match="did not run") as raised:
        run(toy("branching"), tmp_path, number=1, colour="red")
    assert "colour" in str(raised.value)


def test_a_pipeline_that_is_not_compiled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no compiled pipeline"):
        run(tmp_path / "pipeline.yaml", tmp_path)


def test_a_silent_task_is_told_of_at_every_heartbeat(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    seconds = 2.5 * HEARTBEAT_SECONDS
    result, seen = run(toy("waiting"), tmp_path, seconds=seconds, pids=str(tmp_path / "pid"))
    assert result.outputs == {"Output": "waited"}
    assert result.tasks["wait"] >= seconds
    told = [each.seconds for each in seen]
    gaps = [after - before for before, after in itertools.pairwise(told)]
    assert max(gaps) < 3 * HEARTBEAT_SECONDS


def test_a_pipeline_that_takes_too_long_is_stopped_with_its_tasks(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    pids = tmp_path / "pid"
    with pytest.raises(PlatformUnavailable, match="stopped after 15 s"):
        run(toy("waiting"), tmp_path, timeout=15.0, seconds=600.0, pids=str(pids))
    wait_until(lambda: has_ended(pids))


def test_an_interrupt_stops_the_tasks(toy: Callable[[str], Path], tmp_path: Path) -> None:
    pids = tmp_path / "pid"

    def interrupt(progress: Progress) -> None:
        if pids.exists() and pids.read_text():
            raise KeyboardInterrupt

    arguments = {"seconds": 600.0, "pids": str(pids)}
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(toy("waiting"), arguments, tmp_path / "runs", interrupt)
    wait_until(lambda: has_ended(pids))


def test_no_task_outlives_a_caller_that_was_killed(
    toy: Callable[[str], Path], tmp_path: Path
) -> None:
    pids = tmp_path / "pid"
    caller = (
        "import sys; from pathlib import Path; from headrace.pipelines.local_run import *;"
        "run_pipeline(Path(sys.argv[1]), {'seconds': 600.0, 'pids': sys.argv[2]},"
        " Path(sys.argv[3]), lambda progress: None)"
    )
    command = [sys.executable, "-c", caller, str(toy("waiting")), str(pids), str(tmp_path / "r")]
    with subprocess.Popen(command) as process:
        wait_until(lambda: pids.exists() and pids.read_text() != "")
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pids))


def has_ended(pids: Path) -> bool:
    try:
        # A container without an init keeps the entry of a process whose parent was killed.
        return psutil.Process(int(pids.read_text())).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(reached: Callable[[], bool], timeout: float = 300.0) -> None:
    deadline = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


TEMPLATE = """
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {name: flight-delay}
spec:
  model: {handler: headrace.demo.handlers.FlightDelay}
  strategy: {canary: {steps: [{weight: 5, hold: 5m}, {weight: 50, hold: 10m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""


def arguments(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "release": "1",
        "train_from": "2013-01-01",
        "train_until": "2013-02-01",
        "inputs": ["carrier", "origin", "distance", "hour", "weekday"],
        "registry_uri": f"sqlite:///{folder / 'registry.db'}",
        "rollout_template": TEMPLATE,
        "rollout_target": (folder / "rollouts").as_uri(),
        "holdout": "7d",
        **more,
    }


@pytest.mark.timeout(900)
def test_a_model_that_passes_is_packaged_registered_and_rolled_out(tmp_path: Path) -> None:
    result, _ = run(FLIGHT_DELAY, tmp_path, **arguments(tmp_path, gates="auc >= 0.55"))
    assert result.outputs == {"Output": True}
    assert list(result.tasks) == [
        "ingest",
        "validate-data",
        "split",
        "train",
        "evaluate",
        "package",
        "register",
        "roll-out",
    ]
    model = load_rollout(tmp_path / "rollouts" / "flight-delay.yaml").spec.model
    assert str(model) == "flight-delay 1"
    registry = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    challenger = registry.version_of("flight-delay", CHALLENGER)
    assert challenger is not None
    assert (challenger.uri, challenger.digest) == (model.uri, model.digest)
    bundle = read_bundle(model.uri.removeprefix("file://"), model.digest)
    assert bundle.signature.version == "1"


@pytest.mark.timeout(900)
def test_a_model_that_does_not_pass_leaves_no_trace(tmp_path: Path) -> None:
    result, told = run(FLIGHT_DELAY, tmp_path, **arguments(tmp_path, gates="auc >= 0.99"))
    assert result.outputs == {"Output": False}
    assert list(result.tasks)[-1] == "evaluate"
    assert any("gates do not hold: auc >= 0.99" in each.line for each in told)
    assert [each.name for each in tmp_path.iterdir()] == ["runs"]


@pytest.mark.timeout(900)
def test_data_that_cannot_be_trained_on_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"The task ingest .* give no rows with this query"):
        run(
            FLIGHT_DELAY,
            tmp_path,
            **arguments(tmp_path, train_from="2014-01-01", train_until="2014-02-01"),
        )
