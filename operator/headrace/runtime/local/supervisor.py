"""Keeps processes running: those that die are started again, later and later.

It has no thread and no lock of its own. Whoever owns it calls `poll` a few times a second and
holds one lock around all calls.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from headrace.errors import MetricsUnavailable, PlatformUnavailable
from headrace.runtime.local.memory import kernel_oom_kills
from headrace.runtime.local.processes import Child, Command
from headrace.serving.refusal import PREFIX
from headrace.serving.worker import WORKER_LOST

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
HEALTHY_AFTER = 60.0
"""Seconds after which a process counts as healthy, and its next death as the first."""

_KILLED = (-signal.SIGKILL, WORKER_LOST)
"""How processes end that the kernel may have ended, or the worker of which it has."""

_TEMPORARY = (MetricsUnavailable.__name__, PlatformUnavailable.__name__)


class Running(Protocol):
    """What the supervisor needs of a process; `Child` is the real one."""

    @property
    def pid(self) -> int:
        """Its id, which is also that of its process group."""
        ...

    def poll(self) -> int | None:
        """Give the exit code; None while it runs."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it."""
        ...

    def output(self) -> str:
        """Give the end of what it wrote."""
        ...


class Registry(Protocol):
    """Who is told the process groups that exist: the guard."""

    def add(self, group: int) -> None:
        """Learn of a process group."""
        ...

    def discard(self, group: int) -> None:
        """Forget a process group that is ended."""
        ...


class State(StrEnum):
    """Where a process is."""

    RUNNING = "Running"
    WAITING = "Waiting"
    """It died and will be started again."""
    REFUSED = "Refused"
    """It said that it can never run as it is."""
    STOPPING = "Stopping"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What there is to know of a process.

    Attributes:
        name: Ours for it, such as `server-7-0`.
        pid: None while it does not run.
        state: Where it is.
        restarts: Unplanned ones.
        message: What it said last before it died or refused; empty while all is well.
        oom_kills: How often the kernel ended it for its memory.
        ending: How it ended last, such as `ended by signal 11`; empty before.
    """

    name: str
    pid: int | None
    state: State
    restarts: int
    message: str
    oom_kills: int = 0
    ending: str = ""


def next_delay(delay: float, lifetime: float) -> float:
    """Give the seconds to wait before a restart.

    Args:
        delay: What was waited before this life; 0 for the first.
        lifetime: How long the process lived, in seconds.
    """
    if lifetime >= HEALTHY_AFTER or delay <= 0:
        return FIRST_DELAY
    return min(2 * delay, LONGEST_DELAY)


def refusal_in(output: str) -> str:
    """Find why a model server refused to start.

    Returns:
        `<Reason>: <sentence>`; empty if it did not refuse, or only for now.
    """
    for line in reversed(output.splitlines()):
        if line.startswith(PREFIX):
            said = line.removeprefix(PREFIX).strip()
            return "" if said.split(":", 1)[0] in _TEMPORARY else said
    return ""


@dataclass(slots=True)
class _Entry:
    command: Command
    grace: float
    child: Running | None = None
    state: State = State.WAITING
    since: float = 0.0
    """When it was started, asked to stop, or is to be started, by state."""
    delay: float = 0.0
    starts: int = 0
    restarts: int = 0
    planned: bool = True
    """The next start is wished by us, not caused by a death."""
    message: str = ""
    oom_kills: int = 0
    ending: str = ""


@dataclass(slots=True)
class Supervisor:
    """A set of named processes that should run.

    Attributes:
        registry: Is told every process group.
        clock: Seconds that only grow.
        launch: Starts a process; may raise PlatformUnavailable, which counts as a death.
        count_oom_kills: Gives how many processes the kernel has ended for lack of memory.
    """

    registry: Registry
    clock: Callable[[], float] = time.monotonic
    launch: Callable[[Command], Running] = Child.start
    count_oom_kills: Callable[[], int] = kernel_oom_kills
    _entries: dict[str, _Entry] = field(default_factory=dict)
    _leaving: dict[str, _Entry] = field(default_factory=dict)
    _oom_kills: int = field(init=False)
    """Of the kernel's, those that no death that is still to be noticed can be explained by."""

    def __post_init__(self) -> None:
        self._oom_kills = self.count_oom_kills()

    def want(self, name: str, command: Command, grace: float = 5.0) -> None:
        """Have a process run; with another command than before, have it replaced.

        Args:
            name: Ours for it. Of one name only one process runs at any time.
            command: How it is started.
            grace: Seconds from TERM to KILL.
        """
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = _Entry(command, grace, since=self.clock())
        elif entry.command != command:
            entry.command, entry.planned = command, True
            if entry.child is not None:
                self._ask_to_stop(entry)
            else:
                entry.state, entry.since, entry.delay = State.WAITING, self.clock(), 0.0
        self._advance(name, entry)

    def unwant(self, name: str) -> None:
        """Have a process end; nothing to do if there is none of this name."""
        entry = self._entries.pop(name, None)
        if entry is not None and entry.child is not None:
            self._ask_to_stop(entry)
            self._leaving[name] = entry

    def poll(self) -> None:
        """Do what is due: notice deaths, start again, kill what does not stop."""
        oom_kills = self.count_oom_kills()
        for name, entry in list(self._leaving.items()):
            if self._stopped(entry):
                del self._leaving[name]
        for name, entry in list(self._entries.items()):
            self._advance(name, entry)
        # What no death of ours explains by now was a process of somebody else.
        self._oom_kills = max(self._oom_kills, oom_kills)

    def status(self) -> tuple[ProcessStatus, ...]:
        """Tell about every process, in the order in which they were first wanted."""
        return tuple(
            ProcessStatus(
                name,
                None if entry.child is None else entry.child.pid,
                entry.state,
                entry.restarts,
                entry.message,
                entry.oom_kills,
                entry.ending,
            )
            for name, entry in (*self._entries.items(), *self._leaving.items())
        )

    @property
    def ended(self) -> bool:
        """Whether no process is left."""
        return not self._leaving and all(e.child is None for e in self._entries.values())

    @property
    def leaving(self) -> frozenset[str]:
        """The names of processes that were asked to end and still run."""
        return frozenset(self._leaving)

    def unwant_all(self) -> None:
        """Have every process end; `poll` until `ended`."""
        for name in list(self._entries):
            self.unwant(name)

    def _advance(self, name: str, entry: _Entry) -> None:
        if entry.state is State.STOPPING and self._stopped(entry):
            entry.state, entry.since, entry.delay = State.WAITING, self.clock(), 0.0
        if entry.state is State.RUNNING and entry.child is not None:
            code = entry.child.poll()
            if code is not None:
                self._died(entry, entry.child, code)
        waits = entry.state is State.WAITING and self.clock() >= entry.since
        if waits and name not in self._leaving:
            self._start(entry)

    def _start(self, entry: _Entry) -> None:
        if entry.starts and not entry.planned:
            entry.restarts += 1
        entry.starts += 1
        entry.planned = False
        try:
            child = self.launch(entry.command)
        except PlatformUnavailable as error:
            entry.message = str(error)
            self._wait(entry, lifetime=0.0)
            return
        self.registry.add(child.pid)
        entry.child, entry.state, entry.since = child, State.RUNNING, self.clock()

    def _died(self, entry: _Entry, child: Running, code: int) -> None:
        output = child.output()
        self._forget_child(entry)
        refusal = refusal_in(output)
        if refusal:
            entry.state, entry.message = State.REFUSED, refusal
            return
        lines = output.strip().splitlines()
        entry.ending = ending = self._ending(entry, code)
        entry.message = f"{ending}: {lines[-1][:300]}" if lines else ending
        self._wait(entry, lifetime=self.clock() - entry.since)

    def _ending(self, entry: _Entry, code: int) -> str:
        kills = self.count_oom_kills()
        if code not in _KILLED or kills <= self._oom_kills:
            return f"ended with {code}" if code >= 0 else f"ended by signal {-code}"
        # One kill of the kernel explains one death, and not all that are found at one look.
        self._oom_kills += 1
        entry.oom_kills += 1
        return "ended by the kernel, for lack of memory"

    def _wait(self, entry: _Entry, lifetime: float) -> None:
        entry.delay = next_delay(entry.delay, lifetime)
        entry.state, entry.since = State.WAITING, self.clock() + entry.delay

    def _ask_to_stop(self, entry: _Entry) -> None:
        if entry.child is not None and entry.state is not State.STOPPING:
            entry.child.terminate()
            entry.state, entry.since = State.STOPPING, self.clock()

    def _stopped(self, entry: _Entry) -> bool:
        child = entry.child
        if child is not None and child.poll() is None:
            if self.clock() - entry.since >= entry.grace:
                child.kill()
            return False
        self._forget_child(entry)
        return True

    def _forget_child(self, entry: _Entry) -> None:
        if entry.child is not None:
            self.registry.discard(entry.child.pid)
            entry.child = None
