"""A whole replay: what Headrace and the peers' rules decide on one recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headrace.api import ModelRollout, RolloutSpec
from headrace.engine.decision import Action
from headrace.engine.observations import Interval, Metric
from headrace.errors import InvalidInput
from headrace.metrics.prometheus import PromQLMetrics
from headrace.metrics.record import request_of
from headrace.metrics.recorded import RecordedServer
from headrace.metrics.recording import Recording
from headrace.simulate.peers import MINUTE, RULES, Peer, Rule
from headrace.simulate.recorded_rollout import answerable, nothing_of, stable_of
from headrace.simulate.recorded_traffic import began, drawn, intervals_of
from headrace.simulate.replay import BEFORE, ObedientPlatform, Replay, begun
from headrace.simulate.rollout import schedule_of
from headrace.simulate.timeline import Decided, timeline

_NEVER_LATE = 3600.0
"""Seconds: a recording is not late, however busy this machine is."""
_ENDS = (Action.PROMOTE, Action.ROLL_BACK, Action.DISCARD)


@dataclass(frozen=True, slots=True)
class PeerEnding:
    """What a peer's rule comes to.

    Attributes:
        policy: Its name.
        action: `RollBack`; `Promote` where nothing failed until the end of the steps; `Hold`
            where the recording ends before.
        time: Unix seconds; of the recording's end where nothing was decided.
        looks: Minutes that it looked at.
    """

    policy: str
    action: Action
    time: float
    looks: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a recording.

    Attributes:
        rollout: `namespace/name`.
        stable: The version that has the users.
        candidate: The version under test.
        first: When the recording begins, Unix seconds.
        last: When it ends.
        start: When the rollout begins.
        samples: Of counters that were read.
        nonsense: Those of them that no counter can have, and that were left out.
        left_out: Checks of which nothing was recorded, and why, by name.
        decisions: In order.
        peers: On the same traffic.
    """

    rollout: str
    stable: str
    candidate: str
    first: float
    last: float
    start: float
    samples: int
    nonsense: int
    left_out: Mapping[str, str]
    decisions: Sequence[Decided]
    peers: Sequence[PeerEnding]

    @property
    def ending(self) -> Decided | None:
        """The last decision that ended the rollout; None if none did."""
        return next((one for one in reversed(self.decisions) if one.action in _ENDS), None)


def replayed(
    rollout: ModelRollout,
    recording: Recording,
    *,
    stable: str | None = None,
    start: float | None = None,
) -> Replayed:
    """Replay a rollout.

    Args:
        rollout: Whose spec names the candidates and the rules.
        recording: What was counted.
        stable: The version that had the users; by default the recording says it.
        start: When the rollout begins, Unix seconds; by default just before the candidate's
            first requests.

    Raises:
        InvalidInput: The recording is of something else, or says too little.
    """
    nonsense = _nonsense(recording)
    server = RecordedServer(recording)
    metrics = PromQLMetrics(server, _NEVER_LATE)
    first, last = recording.span
    stable = stable or stable_of(rollout, recording)
    request = request_of(rollout, stable, first)
    intervals = list(intervals_of(metrics, request, first, last))
    seen = began(intervals, Metric.REQUESTS, Metric.MIRRORED)
    if seen is None:
        raise InvalidInput(nothing_of(request, recording))
    spec, left_out = answerable(rollout.spec, request, server)
    # Nobody knows what a gate would have said; what is wanted is the judgement, in one go.
    spec = spec.model_copy(update={"freeze": [], "gates": [], "suspended": False})
    rollout = rollout.model_copy(update={"spec": spec})
    start = max(first, seen - BEFORE * request.interval) if start is None else start
    if not first <= start < last:
        raise InvalidInput(
            f"The rollout cannot begin at {start:.0f}: the recording is from {first:.0f} to "
            f"{last:.0f}, in Unix seconds."
        )
    replay = Replay(begun(rollout, stable), metrics, ObedientPlatform(), start)
    decisions = timeline(replay.until(last))
    metrics.close()
    return Replayed(
        rollout=rollout.key,
        stable=stable,
        candidate=request.candidates[0],
        first=first,
        last=last,
        start=start,
        samples=recording.size,
        nonsense=nonsense,
        left_out=left_out,
        decisions=decisions,
        peers=_peers(spec, intervals, last),
    )


def _nonsense(recording: Recording) -> int:
    bad = 0
    for one in recording.series:
        values = one.samples.values
        bad += int(np.count_nonzero(~np.isfinite(values) | (values < 0)))
    if bad == recording.size:
        raise InvalidInput(
            f"All {bad:,} samples of the recording are NaN, infinite or negative, "
            "which no counter is."
        )
    return bad


def _peers(spec: RolloutSpec, intervals: Sequence[Interval], last: float) -> list[PeerEnding]:
    """Let the peers' rules look at the candidate's users; they look at nothing else."""
    start = began(intervals, Metric.REQUESTS)
    if start is None:
        return []
    length = sum(seconds for seconds, weight in schedule_of(spec) if weight)
    return [_under(rule, intervals, start, start + length, last) for rule in RULES]


def _under(
    rule: Rule, intervals: Sequence[Interval], start: float, end: float, last: float
) -> PeerEnding:
    peer, looks = Peer(rule, MINUTE), 0
    for one in drawn(intervals, start, min(end, last), MINUTE):
        looks += 1
        if peer.rolls_back(one):
            return PeerEnding(rule.name, Action.ROLL_BACK, start + looks * MINUTE, looks)
    if end <= last:
        return PeerEnding(rule.name, Action.PROMOTE, end, looks)
    return PeerEnding(rule.name, Action.HOLD, last, looks)
