"""The controller on one machine: a store, a local platform, and a loop that ticks.

The same `tick` as in a cluster. What is different is only where the resource is kept and who
starts the servers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from headrace.api import ModelRollout, Status, TickRecord
from headrace.controller.outside import Outside
from headrace.controller.records import record
from headrace.controller.store import RolloutStore
from headrace.controller.tick import tick
from headrace.engine.foresight import PROVABLE
from headrace.errors import HeadraceError, InvalidInput, TemporaryError
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.registry.server import Promotes
from headrace.report.journal import append_record
from headrace.report.report import Event
from headrace.runtime.local.platform import LocalPlatform

Say = Callable[[str], None]

ADDRESSES = "addresses"
"""The folder of addresses that notifications name, beside the rollout's document."""


def is_registered(rollout: ModelRollout) -> bool:
    """Say whether the registry's alias is on the version that has the users."""
    stable, registered = rollout.status.stable, rollout.status.registered
    return stable is None or (registered is not None and registered.champion == stable.version)


class LocalSession:
    """Runs one rollout on this machine until it is closed."""

    def __init__(
        self,
        store: RolloutStore,
        say: Say,
        *,
        on_tick: Callable[[ModelRollout, TickRecord], None] = lambda rollout, record: None,
        clock: Callable[[], float] = time.time,
        registry: Promotes | None = None,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            store: Holds the resource; something must have been applied.
            say: Is told in a sentence what happens.
            on_tick: Is given the resource and the record after every tick, in the loop's thread.
            clock: Gives Unix seconds.
            registry: Whose alias follows the traffic; None for none.
        """
        self.store = store
        self._say, self._on_tick, self._clock = say, on_tick, clock
        interval = store.read().spec.analysis.interval
        self._pause = min(max(interval / 2, 0.2), 5.0)
        self.platform = LocalPlatform(
            store.directory / "run", scrape_interval=min(interval, 15.0), say=say
        )
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._rollout: ModelRollout | None = None
        self._failure: BaseException | None = None
        self._trouble = ""
        self._told = ("", "")
        self._forecast = ""
        self._restarts: dict[str, int] = {}
        self.events: list[Event] = []
        self._outside = Outside(
            lambda rollout, why: say(why), folder=store.directory / ADDRESSES, registry=registry
        )
        self._exit = ExitStack()
        self._metrics: PrometheusMetrics | None = None
        self._loop = threading.Thread(target=self._run, name="controller", daemon=True)

    def __enter__(self) -> Self:
        """Start the processes and the loop.

        Raises:
            Conflict: Another session runs this rollout.
            SetupError: This machine lacks something.
        """
        with ExitStack() as exit_stack:
            exit_stack.enter_context(self.store.owned())
            exit_stack.callback(self._outside.close)
            exit_stack.callback(self.platform.close)
            self.platform.start()
            self._metrics = PrometheusMetrics(self.platform.prometheus_url)
            exit_stack.callback(self._metrics.close)
            self._exit = exit_stack.pop_all()
        self._loop.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the loop, then every process."""
        self._stop.set()
        self._loop.join(timeout=30)
        self._exit.close()

    def wait(
        self,
        until: Callable[[ModelRollout], bool],
        *,
        timeout: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> ModelRollout:
        """Wait for the resource to be in some state.

        Args:
            until: Tells whether it is, from the resource after a tick.
            timeout: Seconds.
            meanwhile: Called about twice a second, in this thread.

        Raises:
            TemporaryError: It took too long.
            HeadraceError: The loop ended with an error.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self._changed:
                if self._failure is not None:
                    raise self._failure
                if self._rollout is not None and until(self._rollout):
                    return self._rollout
                self._changed.wait(0.5)
            meanwhile()
            if time.monotonic() > deadline:
                last = self._rollout.status.decision if self._rollout else None
                message = f" Last: {last.reason}: {last.message}." if last else ""
                raise TemporaryError(f"Nothing has come of it within {timeout:.0f} s.{message}")

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                self._tick_once()
                self._stop.wait(max(0.05, self._pause - (time.monotonic() - began)))
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()
            if not isinstance(error, HeadraceError):
                raise

    def _tick_once(self) -> None:
        assert self._metrics is not None
        try:
            rollout = self.store.read()
        except InvalidInput as error:
            # Somebody edits the document: go on with what was valid, and say so once.
            self._mention_trouble(str(error))
            if self._rollout is None:
                raise
            rollout = self._rollout
        now = self._clock()
        answer = tick(
            rollout,
            self._metrics,
            self.platform,
            now,
            self.store.pending_ask(),
            beside=lambda observations: self._outside.known(rollout, observations, now),
        )
        rollout = rollout.model_copy(update={"status": answer.status})
        line = record(rollout, answer, now)
        try:
            self.store.write_status(answer.status)
            append_record(self.store.journal_file, line)
            self._trouble = ""
        except TemporaryError as error:
            # The status in memory is right and goes on; the disk may have room again later.
            self._mention_trouble(str(error))
        else:
            self._outside.follow(rollout, answer, now)
        self._tell_forecast(line.version, answer.status)
        told = (line.action, line.reason)
        if told != self._told:
            self._told = told
            self._say(f"{line.version}: {line.action}: {line.message}")
        with self._changed:
            self._rollout = rollout
            self._changed.notify_all()
        self._note_restarts()
        self._on_tick(rollout, line)

    def _tell_forecast(self, version: str, status: Status) -> None:
        forecast = next((c.message for c in status.conditions if c.type == PROVABLE), "")
        if forecast and forecast != self._forecast:
            self._say(f"{version}: to be expected: {forecast}")
        self._forecast = forecast

    def note(self, subject: str, message: str) -> None:
        """Say that something happened beside the rollout, and keep it for the report."""
        self.events.append(Event(time=self._clock(), subject=subject, message=message))
        self._say(f"{subject} {message}")

    def _note_restarts(self) -> None:
        for process in self.platform.processes():
            if process.restarts > self._restarts.get(process.name, 0):
                reason = f": {process.message}" if process.message else ""
                self.note(process.name, f"ended by itself, restarted{reason}")
            self._restarts[process.name] = process.restarts

    def _mention_trouble(self, message: str) -> None:
        if message != self._trouble:
            self._trouble = message
            self._say(message)
