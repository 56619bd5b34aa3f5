"""The demo itself: a pipeline, a rollout and a judgement per release, then a report."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from headrace.api import ModelRollout, Paused, TickRecord, load_rollout
from headrace.controller.session import LocalSession, is_registered
from headrace.controller.store import RolloutStore, owned
from headrace.delivery.ending import ending_of, pause_of
from headrace.demo.narrator import Narrator, pipeline_progress
from headrace.demo.releases import RELEASES, Release, template_for
from headrace.demo.replay import replay_file
from headrace.engine.steps import describe
from headrace.errors import NotFound, PermanentError, TemporaryError
from headrace.load.process import Traffic
from headrace.pipelines.local_run import run_pipeline
from headrace.registry import Registry
from headrace.registry.server import registry_at
from headrace.report.build import build_report
from headrace.report.client import client_counts
from headrace.report.journal import read_journal
from headrace.report.lineage import made_of_releases
from headrace.report.report import Report
from headrace.report.write import write_picture, write_report

RATE = 60.0
FEEDBACK = 0.2
ROLL_OUT = "roll-out"
THRESHOLD = 0.5
_LONGEST_ROLLOUT = 240.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where the demo keeps what it makes."""

    home: Path

    @property
    def store(self) -> RolloutStore:
        """The rollout's folder."""
        return RolloutStore(self.home / "demo" / "flight-delay")

    @property
    def inbox(self) -> Path:
        """Where the pipeline delivers rollouts."""
        return self.home / "rollouts"

    @property
    def registry_uri(self) -> str:
        """The MLflow database."""
        return f"sqlite:///{(self.home / 'mlflow.db').resolve()}"


def run_demo(home: Path, checkout: Path, narrator: Narrator) -> tuple[Report, Path]:
    """Run all releases.

    Args:
        home: Everything that the demo makes goes here; what an earlier demo left is removed.
        checkout: The repository, for its pipeline.
        narrator: Is told what happens.

    Returns:
        The report, and its HTML file.

    Raises:
        TemporaryError: A rollout was paused for a person; the report so far is written.
        HeadraceError: Something is missing on this machine, or went wrong on the way.
    """
    places = Places(home)
    pipeline = _find_pipeline(checkout)
    with ExitStack() as exit_stack:
        exit_stack.enter_context(owned(home))
        _clear(home)
        replays = exit_stack.enter_context(_writing_replays(home))

        def on_tick(rollout: ModelRollout, record: TickRecord) -> None:
            if rollout.status.candidate is not None:
                narrator.doing(_progress(record))

        def keep_sending() -> None:
            ended = traffic.revive() if traffic is not None else ""
            if ended and session is not None:
                session.note("requests", ended)

        session: LocalSession | None = None
        traffic: Traffic | None = None
        paused: Paused | None = None
        for release in RELEASES:
            narrator.heading(f"Release {release.version}: {release.title}")
            _train(pipeline, release, places, narrator)
            rollout = load_rollout(places.inbox / "flight-delay.yaml")
            places.store.apply(rollout)
            if session is None or traffic is None:
                registry = registry_at(places.registry_uri)
                session = LocalSession(
                    places.store, narrator.say, on_tick=on_tick, registry=registry
                )
                exit_stack.enter_context(session)
                address = session.platform.url
                traffic = Traffic(address, RATE, home / "ledger.json", FEEDBACK)
                exit_stack.enter_context(traffic)
                narrator.say(f"requests go to {address}")
                replays.wait()
            else:
                _replay(traffic, home, release, narrator)
            over = session.wait(_is_over(release), timeout=_LONGEST_ROLLOUT, meanwhile=keep_sending)
            paused = pause_of(over)
            if paused is not None:
                break
            session.wait(is_registered, timeout=60)
            if release is RELEASES[0]:
                _replay(traffic, home, release, narrator)
        assert session is not None
        assert traffic is not None
        traffic.stop()
        counts = traffic.counts
    result = places.store.read()
    narrator.doing("writing the report")
    report = build_report(
        result,
        read_journal(places.store.journal_file),
        session.events,
        client_counts(counts),
        title="Headrace demo: will this flight be late?",
        created=time.time(),
        made_of=made_of_releases(result, Registry(places.registry_uri)),
    )
    html, _ = write_report(home, report)
    write_picture(home / "report.png", report)
    if paused is not None:
        raise TemporaryError(
            f"Release {over.spec.model.version} waits for a person, so the demo ends here: "
            f"{paused.message}. Where the machine is busy with other things, latencies prove "
            f"little: try again when it is not. The report so far: {html}"
        )
    return report, html


def _is_over(release: Release) -> Callable[[ModelRollout], bool]:
    def is_over(now: ModelRollout) -> bool:
        # The loop may not have read the new document yet.
        if now.spec.model.version != release.version:
            return False
        return ending_of(now, release.version) is not None or pause_of(now) is not None

    return is_over


def _progress(record: TickRecord) -> str:
    checks = ", ".join(f"{check.name} {check.outcome.value}" for check in record.checks)
    here = describe(record.asked) if record.checks else record.message
    return f"release {record.version}: {here}" + (f"; {checks}" if checks else "")


def _replay(traffic: Traffic, home: Path, release: Release, narrator: Narrator) -> None:
    narrator.say(f"live requests: the flights from {release.replay_from} on, {RATE:.0f} a second")
    traffic.send(replay_file(home, release.version), THRESHOLD)


def _train(pipeline: Path, release: Release, places: Places, narrator: Narrator) -> None:
    narrator.doing("the pipeline starts")
    run = run_pipeline(
        pipeline,
        {
            "release": release.version,
            "train_from": release.train_from,
            "train_until": release.train_until,
            "inputs": list(release.inputs),
            "registry_uri": places.registry_uri,
            "rollout_template": template_for(release),
            "rollout_target": places.inbox.resolve().as_uri(),
        },
        places.home / "pipeline",
        pipeline_progress(narrator),
    )
    narrator.doing("")
    if ROLL_OUT not in run.tasks:
        raise PermanentError(
            f"Release {release.version} did not pass its evaluation, so it is not rolled out; "
            f"see the artifacts in {places.home / 'pipeline'}."
        )


def _find_pipeline(checkout: Path) -> Path:
    file = checkout / "pipelines" / "flight_delay" / "pipeline.yaml"
    if not file.exists():
        raise NotFound(
            f"The demo's pipeline is not at {file}. Run the demo in a checkout of Headrace: "
            "git clone the repository, then make demo."
        )
    return file


def _clear(home: Path) -> None:
    for name in ("demo", "rollouts", "pipeline"):
        shutil.rmtree(home / name, ignore_errors=True)
    for file in (*home.glob("mlflow.db*"), *home.glob("requests-*"), *home.glob("report.*")):
        file.unlink()


class _writing_replays:  # noqa: N801 - used like a function
    """Writes the live requests in a process of its own, while the first pipeline runs."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "headrace.demo.replay", str(home)], stdin=subprocess.DEVNULL
        )

    def __enter__(self) -> _writing_replays:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self) -> None:
        if self._process.wait() != 0:
            raise PermanentError("The live requests could not be written; see the lines above.")
