"""Replays of two real rollouts of the demo, and of what can be wrong with a recording."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from headrace.api import ModelRollout, Status, load_rollout
from headrace.cli.simulate import simulate
from headrace.engine.decision import Action
from headrace.errors import InvalidInput
from headrace.metrics.prometheus import PromQLMetrics
from headrace.metrics.recorded import RecordedServer
from headrace.metrics.recording import RawSeries, Recording, Samples, merged
from headrace.metrics.recording_file import read_recording, write_recording
from headrace.simulate.replay import ObedientPlatform, Replay, begun
from headrace.simulate.replayed import Replayed, replayed

ROOT = Path(__file__).parents[3]
BROKEN = ROOT / "docs" / "examples" / "replay"
BETTER = Path(__file__).parent / "recordings"


def of(folder: Path, name: str = "") -> tuple[ModelRollout, Recording]:
    rollout = load_rollout(folder / f"{name or 'rollout'}.yaml")
    return rollout, read_recording(folder / f"{name or 'recording'}.jsonl")


@pytest.fixture(scope="module")
def broken() -> tuple[ModelRollout, Recording]:
    return of(BROKEN)


@pytest.fixture(scope="module")
def better() -> tuple[ModelRollout, Recording]:
    return of(BETTER, "release-2")


def reasons(found: Replayed) -> list[str]:
    return [f"{one.action} {one.reason}" for one in found.decisions]


def test_the_broken_release_is_rolled_back_when_it_was(
    broken: tuple[ModelRollout, Recording],
) -> None:
    found = replayed(*broken)
    assert reasons(found) == [
        "Advance RolloutStarts",
        "Hold NoDataYet",
        "Hold StepHolds",
        "RollBack LatencyWorse",
    ]
    ending = found.ending
    assert ending is not None
    # The demo's own controller decided at 12:33:00.7; its ticks were half a second apart.
    assert ending.time == pytest.approx(1795264381, abs=0.5)
    assert "candidate's p95 is 54.6 ms" in ending.message
    assert [peer.action for peer in found.peers] == [Action.HOLD, Action.HOLD]
    assert (found.stable, found.candidate, found.nonsense) == ("2", "3", 0)


def test_the_better_release_is_promoted_when_it_was(
    better: tuple[ModelRollout, Recording],
) -> None:
    found = replayed(*better)
    ending = found.ending
    assert ending is not None
    assert (ending.action, ending.reason) == (Action.PROMOTE, "ProvedSafe")
    assert ending.time == pytest.approx(1795264336, abs=1)
    assert reasons(found).count("Advance StepHeld") == 3
    assert not any(one.differs for one in found.decisions)
    copies = next(one for one in found.decisions if one.asked.mirror and one.copied)
    assert copies.copied == pytest.approx(1, abs=0.05)


def test_a_plan_that_asks_for_other_weights_is_told(better: tuple[ModelRollout, Recording]) -> None:
    rollout, recording = better
    changed = rollout.model_dump(mode="json")
    changed["spec"]["strategy"]["canary"]["steps"] = [{"weight": 90, "hold": "8s"}]
    found = replayed(ModelRollout.model_validate(changed), recording)
    assert any(one.differs for one in found.decisions)
    assert found.decisions[-1].asked.candidate == 90


def edited(recording: Recording, edit: Callable[[RawSeries], Samples]) -> Recording:
    series = tuple(RawSeries(one.labels, edit(one)) for one in recording.series)
    return replace(recording, series=series)


def as_it_was(one: RawSeries) -> Samples:
    return one.samples


def gaps_and_resets(one: RawSeries) -> Samples:
    """Take scrapes away, others of each target, and begin its counters anew twice."""
    phase = sum(map(ord, one.labels["instance"]))
    place = np.arange(len(one.samples.times)) + phase
    kept = ~np.isin(place % 11, (3, 4, 8))
    times, values = one.samples.times[kept], one.samples.values[kept].copy()
    for at in (0.5, 0.7):
        cut = int(at * len(values))
        values[cut:] -= values[cut - 1] if cut else 0
    return Samples(times, np.maximum(values, 0))


EDITS = pytest.mark.parametrize("edit", [as_it_was, gaps_and_resets])
BEGAN = 1795264295.0


class Controller:
    """Replays, and can be restarted: all that is left then is the status as JSON."""

    def __init__(self, rollout: ModelRollout, recording: Recording) -> None:
        self.recording, self.platform = recording, ObedientPlatform()
        self.replay = self._started(begun(rollout, "1"), BEGAN)

    def _started(self, rollout: ModelRollout, now: float) -> Replay:
        metrics = PromQLMetrics(RecordedServer(self.recording))
        return Replay(rollout, metrics, self.platform, now)

    @property
    def status(self) -> Status:
        return self.replay.rollout.status

    def restart(self, down: float = 0.0) -> None:
        written = self.status.model_dump_json()
        status = Status.model_validate_json(written)
        rollout = self.replay.rollout.model_copy(update={"status": status})
        self.replay = self._started(rollout, self.replay.now + down)


@EDITS
def test_a_restart_at_every_tick_leaves_the_same_status_to_the_bit(
    better: tuple[ModelRollout, Recording], edit: Callable[[RawSeries], Samples]
) -> None:
    rollout, recording = better[0], edited(better[1], edit)
    steady, restarted = Controller(rollout, recording), Controller(rollout, recording)
    for _ in range(44):
        restarted.restart()
        assert steady.replay.tick() == restarted.replay.tick()
        assert steady.status == restarted.status
    assert steady.status.requests.candidate > 200


@pytest.mark.parametrize(
    ("of_series", "said"),
    [
        pytest.param(lambda s: None, "has nothing of demo/flight-delay", id="another rollout"),
        pytest.param(
            lambda s: s if s.labels.get("version", "2") == "2" and "/3/" not in _cluster(s) else 0,
            "no request of version 3",
            id="nothing of the candidate",
        ),
        pytest.param(
            lambda s: s if "/3/" in _cluster(s) else None,
            "nothing of a stable version",
            id="nothing of stable",
        ),
        pytest.param(
            lambda s: s if s.labels["__name__"].endswith("xx") else None,
            "",
            id="answers without times leave the latency out",
        ),
    ],
)
def test_a_recording_of_something_else_gets_a_sentence(
    broken: tuple[ModelRollout, Recording],
    of_series: Callable[[RawSeries], RawSeries | None],
    said: str,
) -> None:
    rollout, recording = broken
    kept = [one for one in recording.series if of_series(one)]
    other = RawSeries({"__name__": "up", "job": "shop", "model": "other"}, kept_or(recording, kept))
    less = Recording(series=[*kept, other])
    if not said:
        found = replayed(rollout, less)
        assert found.left_out == {"latency": "nothing of it was recorded"}
        return
    with pytest.raises(InvalidInput, match=said) as caught:
        replayed(rollout, less)
    if "stable" not in said:
        assert "What it has: __name__: " in str(caught.value)
        assert "up" in str(caught.value)


def kept_or(recording: Recording, kept: Sequence[RawSeries]) -> Samples:
    return (kept[0] if kept else recording.series[0]).samples


def _cluster(one: RawSeries) -> str:
    return one.labels.get("envoy_cluster_name", "")


def test_samples_that_no_counter_has_are_counted_and_left_out(
    broken: tuple[ModelRollout, Recording],
) -> None:
    rollout, recording = broken

    def with_nonsense(one: RawSeries) -> Samples:
        values = one.samples.values.copy()
        values[::7] = np.array([math.nan, math.inf, -1.0, -math.inf] * 9)[: len(values[::7])]
        return Samples(one.samples.times, values)

    found = replayed(rollout, edited(recording, with_nonsense))
    assert found.nonsense > 1000
    assert found.decisions[-1].reason == "LatencyWorse"
    nothing = edited(recording, lambda one: Samples(one.samples.times, one.samples.values * np.nan))
    with pytest.raises(InvalidInput, match=r"All 8,480 samples of the recording are NaN"):
        replayed(rollout, nothing)


def test_an_approval_is_given_at_once_and_a_split_is_not_asked_for(
    broken: tuple[ModelRollout, Recording],
) -> None:
    rollout, recording = broken
    changed = rollout.model_dump(mode="json")
    changed["spec"]["strategy"]["canary"]["steps"] = [
        {"weight": 5, "hold": "1s"},
        {"approval": {}},
        {"weight": 25, "hold": "1m"},
    ]
    changed["spec"]["analysis"]["checks"].append({"name": "split", "metric": "request-split"})
    found = replayed(ModelRollout.model_validate(changed), recording)
    assert list(found.left_out) == ["split"]
    told = reasons(found)
    assert told[told.index("Pause WaitingForApproval") + 1] == "Advance Approved"
    assert found.decisions[-1].reason == "LatencyWorse"


def test_gates_freezes_and_a_suspension_are_of_the_present_and_left_out(
    broken: tuple[ModelRollout, Recording],
) -> None:
    rollout, recording = broken
    changed = rollout.model_dump(mode="json")
    changed["spec"] |= {
        "gates": [{"name": "g", "url": "https://gate.example.com", "before": "Rollout"}],
        "freeze": [{"schedule": "* * * * *", "duration": "1h"}],
        "suspended": True,
    }
    found = replayed(ModelRollout.model_validate(changed), recording)
    assert found.decisions == replayed(rollout, recording).decisions


@pytest.mark.parametrize("stable", [None, "2"])
def test_a_recording_of_another_rollout_gets_the_labels_that_were_found(
    broken: tuple[ModelRollout, Recording], stable: str | None
) -> None:
    rollout, recording = broken
    changed = rollout.model_dump(mode="json")
    changed["metadata"]["name"] = "other"
    changed["spec"]["model"]["name"] = "other"
    with pytest.raises(InvalidInput) as caught:
        replayed(ModelRollout.model_validate(changed), recording, stable=stable)
    assert "of demo/other" in str(caught.value)
    assert "envoy_cluster_name: demo/flight-delay/2/live, demo/flight-delay/2/" in str(caught.value)
    assert "model: flight-delay; version: 2, 3." in str(caught.value)


def test_answers_of_prometheus_to_query_range_replay_the_same(
    broken: tuple[ModelRollout, Recording], tmp_path: Path
) -> None:
    rollout, recording = broken
    files = []
    for name in sorted({one.labels["__name__"] for one in recording.series}):
        result = [
            {
                "metric": one.labels,
                "values": [[t, f"{v:g}"] for t, v in one.samples.between(0, 9e9)],
            }
            for one in recording.series
            if one.labels["__name__"] == name
        ]
        answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(answer), encoding="utf-8")
    again = merged([read_recording(file) for file in files])
    assert again.stable == ""
    assert replayed(rollout, again) == replayed(rollout, recording)


def test_two_stable_versions_need_a_word(broken: tuple[ModelRollout, Recording]) -> None:
    rollout, recording = broken
    labels = {"__name__": "headrace_reward_count", "model": "flight-delay", "version": "1"}
    third = RawSeries(labels, recording.series[0].samples)
    both = Recording(series=[*recording.series, third])
    with pytest.raises(InvalidInput, match="the versions 1, 2 beside the candidate: say with --st"):
        replayed(rollout, both)
    assert replayed(rollout, both, stable="2").decisions[-1].reason == "LatencyWorse"
    with pytest.raises(InvalidInput, match="names no version but 3"):
        replayed(rollout, both, stable="3")
    with pytest.raises(InvalidInput, match="cannot begin at 0"):
        replayed(rollout, recording, start=0.0)


def command(*arguments: str) -> Result:
    files = [str(BROKEN / "rollout.yaml"), "--replay", str(BROKEN / "recording.jsonl")]
    return CliRunner().invoke(simulate, [*files, *arguments])


def test_the_command_prints_the_time_line() -> None:
    said = command()
    assert said.exit_code == 0, said.output
    for text in ("UTC", "RollBack LatencyWorse", "rolled back at 12:33:01", "Argo", "8,480"):
        assert text in said.output
    assert max(map(len, said.output.splitlines())) <= 80
    assert "\x1b" not in said.output


def test_the_command_gives_json() -> None:
    told = json.loads(command("--json").output)
    assert told["ending"] == "RollBack"
    assert told["decisions"][-1]["time"] == "2026-11-21T12:33:01.043Z"
    assert [peer["action"] for peer in told["peers"]] == ["Hold", "Hold"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "5"], "--runs is about generated traffic"),
        (["--errors", "2"], "--errors is about generated traffic"),
        (["--start", "2026-11-21T12:33:30Z"], "cannot begin at"),
    ],
)
def test_options_of_the_other_kind_are_refused(arguments: list[str], said: str) -> None:
    found = command(*arguments)
    assert isinstance(found.exception, InvalidInput)
    assert said in str(found.exception)


def test_a_start_that_is_no_time_is_refused() -> None:
    found = command("--start", "yesterday")
    assert found.exit_code == 2
    assert "expected 2026-11-21T12:30:00Z or Unix seconds" in found.output


def test_an_option_of_replays_needs_one() -> None:
    found = CliRunner().invoke(simulate, [str(BROKEN / "rollout.yaml"), "--stable", "2"])
    assert "--stable is about a recording" in str(found.exception)


def test_a_recording_that_is_written_again_replays_the_same(
    broken: tuple[ModelRollout, Recording], tmp_path: Path
) -> None:
    rollout, recording = broken
    write_recording(tmp_path / "again.jsonl", recording)
    again = read_recording(tmp_path / "again.jsonl")
    assert replayed(rollout, again) == replayed(rollout, recording)
