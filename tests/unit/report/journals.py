"""A journal as a rollout of three releases leaves it: made up, but with figures that hang together.

Version 1 goes live; version 2 is mirrored, then gets 5, 25 and 50 per cent, is blind for a while
because Prometheus is down, and is promoted; version 3 fails with users and is rolled back.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.api import (
    CheckStatus,
    DecisionStatus,
    HistoryEntry,
    ModelRollout,
    ModelSpec,
    Outcome,
    Phase,
    Requests,
    Status,
    TickRecord,
    Traffic,
    Weights,
    parse_rollout,
)
from headrace.api.status import Interval
from headrace.report.report import ClientCounts, Event

START = 1_753_930_800.0
ALL_STABLE = Traffic(stable=100)
DOWN = "http://127.0.0.1:9090 did not answer within 2 s"

ROLLOUT = """
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {name: flight-delay, namespace: models}
spec:
  model: {name: flight-delay, version: "VERSION", uri: file:///models/VERSION, digest: DIGEST}
  strategy:
    canary:
      steps:
      - {mirror: 100, hold: 30s}
      - {weight: 5, hold: 20s}
      - {weight: 25, hold: 20s}
      - {weight: 50, hold: 20s}
  analysis:
    interval: 2s
    checks:
    - {name: errors, metric: error-rate, worseThanStable: {ratio: 1.5, margin: 0.01}}
    - {name: latency, metric: latency, worseThanStable: {ratio: 1.5, quantile: 0.95, margin: 5ms}}
    - {name: slo, metric: error-rate, above: 0.05}
    - {name: agreement, metric: shadow-agreement, below: 0.8}
"""


def a_model(version: str) -> ModelSpec:
    return ModelSpec(
        name="flight-delay",
        version=version,
        uri=f"file:///models/{version}",
        digest="sha256:" + "9f2c" * 16,
    )


def a_rollout(version: str = "3", status: Status | None = None) -> ModelRollout:
    text = ROLLOUT.replace("VERSION", version).replace("DIGEST", "sha256:" + "9f2c" * 16)
    return parse_rollout(text).model_copy(update={"status": status or Status()})


def _interval(value: float, samples: float, spread: float, top: float = math.inf) -> Interval:
    width = spread * math.sqrt((3 + math.log(1 + samples)) / max(samples, 1.0))
    return Interval(value=value, low=max(0.0, value - 0.8 * width), high=min(top, value + width))


@dataclass
class Arm:
    """What an arm has done so far."""

    error_share: float
    """Of the answers to users."""
    latency: float
    shadow_error_share: float = 0.004
    requests: int = 0
    failed: int = 0

    def serve(self, number: int, chance: random.Random, *, live: bool = True) -> tuple[int, int]:
        share = self.error_share if live else self.shadow_error_share
        failed = sum(chance.random() < share for _ in range(number))
        self.requests += number
        self.failed += failed
        return number, failed

    def errors(self) -> Interval | None:
        if not self.requests:
            return None
        value = self.failed / self.requests
        return _interval(value, self.requests, math.sqrt(max(value, 0.01)), 1.0)

    def slowness(self, chance: random.Random) -> Interval | None:
        if not self.requests:
            return None
        noise = 1 + chance.gauss(0, 0.5 / math.sqrt(1 + self.requests / 20))
        return _interval(self.latency * noise, self.requests, self.latency * 3)


@dataclass
class Journal:
    """Writes ticks as a controller would, without being one."""

    rate: float = 60.0
    """Live requests a second."""
    interval: float = 1.0
    now: float = START
    records: list[TickRecord] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)
    live: str = ""
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    requests: Requests = field(default_factory=Requests)
    checks: list[CheckStatus] = field(default_factory=list)
    step: int = 0

    @staticmethod
    def mirror() -> Traffic:
        return Traffic(stable=100, mirror=100)

    def tick(
        self,
        action: str,
        reason: str,
        message: str,
        *,
        version: str,
        phase: Phase = Phase.PROGRESSING,
        asked: Traffic = ALL_STABLE,
        seen: Traffic | None = ALL_STABLE,
        judged: bool = False,
    ) -> None:
        self.records.append(
            TickRecord(
                time=self.now,
                phase=phase,
                version=version,
                step=self.step,
                action=action,
                reason=reason,
                message=message,
                asked=asked,
                seen=seen,
                requests=self.requests,
                checks=self.checks if judged else [],
            )
        )
        self.now += self.interval

    def finish(self, version: str, outcome: str, started: float) -> None:
        last = self.records[-1]
        self.history.append(
            HistoryEntry(
                version=version,
                outcome=outcome,
                previous=self.live,
                reason=last.reason,
                message=last.message,
                by="headrace",
                started=started,
                ended=last.time,
                requests=self.requests,
            )
        )
        if outcome in ("Live", "Promoted"):
            self.live = version
        self.rest(8)

    def rest(self, ticks: int) -> None:
        for _ in range(ticks):
            message = f"flight-delay {self.live} has all the users"
            self.tick("Hold", "Live", message, version=self.live, phase=Phase.HEALTHY)

    def first(self, version: str) -> None:
        started = self.now
        self.tick(
            "Advance",
            "FirstVersionStarts",
            f"flight-delay {version} starts",
            version=version,
            seen=None,
        )
        for ready in (0, 0, 1, 1):
            message = f"flight-delay {version}: {ready} of 2 servers ready"
            self.tick("Hold", "WaitingForServers", message, version=version, seen=None)
        message = f"flight-delay {version} is the first version and has all the users"
        self.tick("Promote", "FirstVersionLive", message, version=version, phase=Phase.HEALTHY)
        self.finish(version, "Live", started)

    def release(
        self,
        version: str,
        candidate: Arm,
        *,
        outage: Sequence[int] = (),
        end: bool = True,
        steps: Sequence[tuple[Traffic, int]] = (
            (Traffic(stable=100, mirror=100), 30),
            (Traffic(stable=95, candidate=5), 20),
            (Traffic(stable=75, candidate=25), 20),
            (Traffic(stable=50, candidate=50), 26),
        ),
    ) -> None:
        """Run through the steps until the evidence of harm is enough or all have held."""
        started, since = self.now, 0
        stable = Arm(0.004, 0.018)
        self.requests, self.checks, self.step = Requests(), [], 0
        self.tick(
            "Advance",
            "RolloutStarts",
            f"flight-delay {version} starts beside {self.live}",
            version=version,
        )
        for _ in range(3):
            message = f"flight-delay {version}: 1 of 2 servers ready; no traffic until then"
            self.tick("Hold", "CandidateNotReady", message, version=version)
        for index, (traffic, hold) in enumerate(steps):
            self.step = index
            if index:
                message = (
                    f"a step held; the candidate now gets {traffic.candidate} % of the traffic"
                )
                self.tick(
                    "Advance",
                    "StepHeld",
                    message,
                    version=version,
                    asked=traffic,
                    seen=steps[index - 1][0],
                    judged=True,
                )
            for left in range(hold, 0, -1):
                blind = since in outage
                since += 1
                self._serve(traffic, stable, candidate)
                self._judge(traffic, stable, candidate, blind=blind)
                worst = max(check.harm for check in self.checks)
                if worst > math.log(400):
                    self._roll_back(version, traffic, started)
                    return
                if blind:
                    message = f"errors: {DOWN}; nothing changes until data is there"
                    self.tick(
                        "Hold",
                        "PrometheusUnavailable",
                        message,
                        version=version,
                        asked=traffic,
                        seen=traffic,
                        judged=True,
                    )
                else:
                    message = (
                        f"the candidate gets {traffic.candidate} % of the traffic; {left}s to go"
                    )
                    self.tick(
                        "Hold",
                        "StepHolds",
                        message,
                        version=version,
                        asked=traffic,
                        seen=traffic,
                        judged=True,
                    )
        if end:
            message = "all steps have held and every required check is proved: " + "; ".join(
                f"{c.name}: {c.message}" for c in self.checks
            )
            for _ in range(5):
                self.tick(
                    "Promote",
                    "ProvedSafe",
                    message,
                    version=version,
                    phase=Phase.PROMOTING,
                    asked=Traffic(candidate=100),
                    seen=Traffic(candidate=100),
                    judged=_ == 0,
                )
            self.tick(
                "Promote",
                "ProvedSafe",
                message,
                version=version,
                phase=Phase.HEALTHY,
                seen=Traffic(candidate=100),
            )
            self.finish(version, "Promoted", started)

    def _roll_back(self, version: str, traffic: Traffic, started: float) -> None:
        failed = max(self.checks, key=lambda check: check.harm)
        odds = f"{math.exp(failed.harm):,.0f} to one"
        message = f"{failed.name}: {failed.message}; the odds against chance are {odds}"
        self.tick(
            "RollBack",
            "ErrorRateWorse",
            message,
            version=version,
            phase=Phase.ROLLING_BACK,
            seen=traffic,
            judged=True,
        )
        for _ in range(4):
            self.tick(
                "RollBack", "ErrorRateWorse", message, version=version, phase=Phase.ROLLING_BACK
            )
        self.tick("RollBack", "ErrorRateWorse", message, version=self.live, phase=Phase.ROLLED_BACK)
        self.finish(version, "RolledBack", started)

    def _serve(self, traffic: Traffic, stable: Arm, candidate: Arm) -> None:
        total = self.rate * self.interval
        to_stable, bad_stable = stable.serve(round(total * traffic.stable / 100), self.chance)
        share = traffic.mirror or traffic.candidate
        to_candidate, bad_candidate = candidate.serve(
            round(total * share / 100), self.chance, live=not traffic.mirror
        )
        kind = "mirrored" if traffic.mirror else "candidate"
        sums = self.requests.model_dump(by_alias=False)
        sums["stable"] += to_stable
        sums["failed_stable"] += bad_stable
        sums[kind] += to_candidate
        sums[f"failed_{kind}"] += bad_candidate
        self.requests = Requests(**sums)

    def _judge(self, traffic: Traffic, stable: Arm, candidate: Arm, *, blind: bool) -> None:
        worse = candidate.failed - stable.error_share * 2.0 * candidate.requests
        bad_harm = max(-2.5, 0.45 * worse) + self.chance.gauss(0, 0.05)
        calm = -2.2 * (1 - math.exp(-candidate.requests / 900))
        proof = 0.0012 * candidate.requests if bad_harm < 1 else 0.2
        message = f"candidate failed {candidate.failed} of {candidate.requests} requests, "
        message += f"stable {stable.failed} of {stable.requests}"
        figures = {
            "errors": (stable.errors(), candidate.errors(), bad_harm, proof, message),
            "latency": (
                stable.slowness(self.chance),
                candidate.slowness(self.chance),
                calm if candidate.latency < 0.04 else 0.004 * candidate.requests,
                1.7 * proof if candidate.latency < 0.04 else 0.0,
                "95 % of the candidate's answers came within 19 ms, of stable's within 18 ms",
            ),
            "slo": (None, candidate.errors(), bad_harm - 2, 0.8 * proof, message),
            "agreement": (
                None,
                _interval(0.12, candidate.requests, 0.4, 1.0) if traffic.mirror else None,
                -0.6,
                0.002 * candidate.requests,
                "candidate's answer differed from stable's in 12 % of the copied requests",
            ),
        }
        self.checks = [
            CheckStatus(
                name=name,
                outcome=Outcome.ERROR
                if blind
                else Outcome.PASS
                if proof_ > 3
                else Outcome.FAIL
                if harm > 5.9
                else Outcome.INCONCLUSIVE,
                reason="PrometheusUnavailable" if blind else "",
                message=DOWN if blind else text,
                stable=of_stable,
                candidate=of_candidate,
                stable_samples=stable.requests,
                candidate_samples=candidate.requests,
                harm=harm,
                proof=proof_,
                observed_until=self.now,
            )
            for name, (of_stable, of_candidate, harm, proof_, text) in figures.items()
        ]

    def rollout(self, candidate: str = "") -> ModelRollout:
        """Give the resource as it would stand after the last tick."""
        last = self.records[-1]
        status = Status(
            phase=last.phase,
            stable=a_model(self.live) if self.live else None,
            candidate=a_model(candidate) if candidate else None,
            step=self.step,
            started=next((r.time for r in self.records if r.version == candidate), None),
            held=12.0 if candidate else 0.0,
            weights=Weights(asked=last.asked, seen=last.seen),
            requests=self.requests,
            checks=self.checks,
            decision=DecisionStatus(
                action=last.action, reason=last.reason, message=last.message, time=last.time
            ),
            history=self.history,
        )
        return a_rollout(candidate or self.live or "1", status)


def three_releases() -> Journal:
    journal = Journal()
    journal.first("1")
    journal.release("2", Arm(0.003, 0.0185), outage=range(58, 67))
    journal.release("3", Arm(0.16, 0.031))
    return journal


EVENTS = (
    Event(
        time=START + 71,
        subject="server of version 2 (process 4711)",
        message="it ended by itself with signal 9; started again after 1 s",
    ),
    Event(
        time=START + 63,
        subject="Prometheus",
        message="killed; started again after 8 s, nothing was decided meanwhile",
    ),
)

CLIENT = ClientCounts(
    sent=9124,
    answered=9067,
    failed={"HTTP 500": 57},
    answers={
        "1": {"200": 5210, "500": 21},
        "2": {"200": 3801, "500": 8},
        "3": {"200": 56, "500": 28},
    },
)
