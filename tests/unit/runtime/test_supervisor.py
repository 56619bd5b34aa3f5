from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import PlatformUnavailable
from headrace.runtime.local.memory import kernel_oom_kills
from headrace.runtime.local.processes import Command
from headrace.runtime.local.supervisor import (
    FIRST_DELAY,
    LONGEST_DELAY,
    State,
    Supervisor,
    next_delay,
    refusal_in,
)
from headrace.serving.worker import WORKER_LOST


def command(name: str = "a") -> Command:
    return Command((name,), Path("log"))


@dataclass
class Process:
    """A process that lives until a test ends it."""

    pid: int
    command: Command
    code: int | None = None
    asked: bool = False
    text: str = ""
    stubborn: bool = False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.asked = True
        if not self.stubborn:
            self.code = -15

    def kill(self) -> None:
        self.code = -9

    def output(self) -> str:
        return self.text


@dataclass
class Machine:
    """Starts processes, knows the groups that exist, and has a clock."""

    now: float = 0.0
    started: list[Process] = field(default_factory=list)
    groups: set[int] = field(default_factory=set)
    full: bool = False
    oom_kills: int = 3

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self, lambda: self.now, self.launch, lambda: self.oom_kills)

    def launch(self, command: Command) -> Process:
        if self.full:
            raise PlatformUnavailable("a cannot be started: no memory.")
        process = Process(100 + len(self.started), command)
        self.started.append(process)
        return process

    def add(self, group: int) -> None:
        self.groups.add(group)

    def discard(self, group: int) -> None:
        self.groups.discard(group)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.supervisor.poll()

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.started if process.code is None]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_process_that_is_wanted_twice_is_started_once(machine: Machine) -> None:
    machine.supervisor.want("one", command())
    machine.supervisor.want("one", command())
    machine.pass_time(100)
    assert len(machine.started) == 1
    assert machine.groups == {100}
    assert machine.supervisor.status()[0].state is State.RUNNING


def test_a_process_that_dies_is_started_again_after_the_delay(machine: Machine) -> None:
    machine.supervisor.want("one", command())
    machine.started[0].text = "first\nlast words\n"
    machine.started[0].code = 1
    machine.pass_time(0.1)
    status = machine.supervisor.status()[0]
    assert (status.pid, status.state, status.restarts) == (None, State.WAITING, 0)
    assert status.message == "ended with 1: last words"
    assert machine.groups == set()
    machine.pass_time(FIRST_DELAY - 0.01)
    assert len(machine.started) == 1
    machine.pass_time(0.02)
    status = machine.supervisor.status()[0]
    assert (status.pid, status.state, status.restarts) == (101, State.RUNNING, 1)


def test_only_a_kill_that_the_kernel_counts_is_for_lack_of_memory(machine: Machine) -> None:
    machine.supervisor.want("one", command())
    machine.supervisor.want("two", command())
    machine.oom_kills += 1
    for process in machine.started:
        process.code = -9
    machine.pass_time(0.1)
    first, second = machine.supervisor.status()
    assert (first.oom_kills, first.ending) == (1, "ended by the kernel, for lack of memory")
    assert (second.oom_kills, second.ending) == (0, "ended by signal 9")
    machine.oom_kills += 1
    machine.pass_time(FIRST_DELAY)
    machine.alive[0].code = -9
    machine.pass_time(0.1)
    assert machine.supervisor.status()[0].oom_kills == 1, "the kernel ended another process"


def test_a_model_server_whose_worker_the_kernel_ended_ran_out_of_memory(machine: Machine) -> None:
    machine.supervisor.want("one", command())
    for kills, ending in [
        (0, f"ended with {WORKER_LOST}"),
        (1, "ended by the kernel, for lack of memory"),
    ]:
        machine.oom_kills += kills
        machine.alive[0].code = WORKER_LOST
        machine.pass_time(0.1)
        (only,) = machine.supervisor.status()
        assert (only.oom_kills, only.ending) == (kills, ending)
        machine.pass_time(2 * FIRST_DELAY)


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        pytest.param("nr_free_pages 12\noom_kill 7\nswap_ra 0\n", 7, id="counted"),
        pytest.param("nr_free_pages 12\n", 0, id="an old kernel counts none"),
    ],
)
def test_the_kernels_counter_is_read(tmp_path: Path, text: str, kills: int) -> None:
    file = tmp_path / "vmstat"
    file.write_text(text, encoding="ascii")
    assert kernel_oom_kills(file) == kills
    assert kernel_oom_kills(tmp_path / "absent") == 0


def test_the_delay_doubles_up_to_half_a_minute_and_is_short_again_after_a_good_minute(
    machine: Machine,
) -> None:
    machine.supervisor.want("one", command())
    delays = []
    for lifetime in [0.0] * 9 + [60.0, 0.0]:
        machine.pass_time(lifetime)
        machine.started[-1].code = -9
        died = machine.now
        while not machine.alive:
            machine.pass_time(0.125)
        delays.append(machine.now - died)
    expected = [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 0.5, 1]
    assert delays == pytest.approx(expected, abs=0.3)
    assert machine.supervisor.status()[0].restarts == 11


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_delay_is_within_its_limits_and_never_shrinks_in_bad_times(
    delay: float, lifetime: float
) -> None:
    following = next_delay(delay, lifetime)
    assert FIRST_DELAY <= following <= LONGEST_DELAY or 0 < delay < FIRST_DELAY
    if lifetime < 60 and delay <= LONGEST_DELAY:
        assert following >= delay


def test_a_process_that_refuses_is_not_started_again(machine: Machine) -> None:
    machine.supervisor.want("one", command())
    machine.started[0].text = "headrace: refused: InvalidBundle: It has no model.\nworker failed\n"
    machine.started[0].code = 3
    machine.pass_time(1000)
    machine.supervisor.want("one", command())
    machine.pass_time(1000)
    status = machine.supervisor.status()[0]
    assert (status.state, status.message) == (State.REFUSED, "InvalidBundle: It has no model.")
    assert len(machine.started) == 1


def test_a_process_that_refused_is_started_with_another_command(machine: Machine) -> None:
    machine.supervisor.want("one", command())
    machine.started[0].text = "headrace: refused: InvalidBundle: It has no model."
    machine.started[0].code = 3
    machine.pass_time(1)
    machine.supervisor.want("one", command("b"))
    assert [process.command for process in machine.alive] == [command("b")]
    assert machine.supervisor.status()[0].restarts == 0


@pytest.mark.parametrize(
    ("output", "refusal"),
    [
        pytest.param("", "", id="it said nothing"),
        pytest.param("Traceback\nKeyError: 1", "", id="it crashed"),
        pytest.param("headrace: refused: A: b\n", "A: b", id="it refused"),
        pytest.param("headrace: refused: A: b\r\nmore\n", "A: b", id="others spoke after it"),
        pytest.param("headrace: refused: A: 1\nheadrace: refused: B: 2", "B: 2", id="twice"),
        pytest.param("headrace: refused: PlatformUnavailable: busy", "", id="only for now"),
        pytest.param("x headrace: refused: A: b", "", id="somebody quotes it"),
    ],
)
def test_a_refusal_is_found_in_what_a_process_wrote(output: str, refusal: str) -> None:
    assert refusal_in(output) == refusal


def test_another_command_replaces_the_process_and_is_no_restart(machine: Machine) -> None:
    machine.supervisor.want("one", command("a"))
    machine.supervisor.want("one", command("b"))
    machine.pass_time(0.1)
    assert machine.started[0].asked
    assert [process.command for process in machine.alive] == [command("b")]
    assert machine.supervisor.status()[0].restarts == 0
    assert machine.groups == {101}


def test_a_process_that_does_not_stop_is_killed_after_its_grace(machine: Machine) -> None:
    machine.supervisor.want("one", command(), grace=5)
    machine.started[0].stubborn = True
    machine.supervisor.unwant("one")
    machine.pass_time(4.9)
    assert machine.supervisor.status()[0].state is State.STOPPING
    assert machine.supervisor.leaving == {"one"}
    machine.pass_time(0.2)
    machine.pass_time(0.1)
    assert machine.started[0].code == -9
    assert machine.supervisor.ended
    assert machine.supervisor.status() == ()
    assert machine.groups == set()


def test_a_name_that_is_wanted_again_waits_for_the_old_process(machine: Machine) -> None:
    machine.supervisor.want("one", command())
    machine.started[0].stubborn = True
    machine.supervisor.unwant("one")
    machine.supervisor.want("one", command())
    machine.pass_time(1)
    assert len(machine.started) == 1
    machine.started[0].code = 0
    machine.pass_time(0.1)
    assert len(machine.alive) == 1


def test_a_process_that_cannot_be_started_is_tried_again(machine: Machine) -> None:
    machine.full = True
    machine.supervisor.want("one", command())
    assert machine.supervisor.status()[0].message == "a cannot be started: no memory."
    machine.full = False
    machine.pass_time(1)
    assert machine.supervisor.status()[0].state is State.RUNNING


EVENTS = st.one_of(
    st.tuples(st.just("want"), st.sampled_from("xyz"), st.sampled_from("ab")),
    st.tuples(st.just("unwant"), st.sampled_from("xyz"), st.just("")),
    st.tuples(st.just("die"), st.just(""), st.just("")),
    st.tuples(st.just("wait"), st.just(""), st.just("")),
)


@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_the_guard_knows_every_process_and_no_name_runs_twice(
    events: list[tuple[str, str, str]],
) -> None:
    machine = Machine()
    wanted: dict[str, Command] = {}
    for event, name, what in events:
        if event == "want":
            wanted[name] = command(what)
            machine.supervisor.want(name, command(what))
        elif event == "unwant":
            wanted.pop(name, None)
            machine.supervisor.unwant(name)
        elif event == "die" and machine.alive:
            machine.alive[0].code = -9
        else:
            machine.pass_time(1)
        assert {process.pid for process in machine.alive} <= machine.groups
        running = [s.name for s in machine.supervisor.status() if s.pid is not None]
        assert len(running) == len(set(running))
    for _ in range(40):
        machine.pass_time(1)
    found = {p.pid: p.command for p in machine.alive}
    status = {s.name: found[s.pid] for s in machine.supervisor.status() if s.pid is not None}
    assert status == wanted
