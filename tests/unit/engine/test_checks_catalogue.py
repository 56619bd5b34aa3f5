"""The checks beyond errors, latency and agreement: what they find, let pass, and say."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from headrace.api import Analysis, Check, CheckStatus, Outcome
from headrace.engine.checks.base import SequentialCheck, State
from headrace.engine.checks.build import checks_of, metrics_of, queries_of
from headrace.engine.checks.threshold import LOOKS
from headrace.engine.judgement import Judgement, absorb, judge
from headrace.engine.observations import (
    Categories,
    Counts,
    Histogram,
    Interval,
    Level,
    Metric,
    MetricKey,
    Problem,
    Sums,
    Value,
)
from headrace.metrics.source import Measured, Request
from headrace.testing import FakeMetrics, Script
from tests.unit.engine.examples import BY_NAME, METRICS, NAMES, SPECS, TRAINING
from tests.unit.engine.examples import metrics_of as read_by
from tests.unit.engine.rollouts import World, live

ROLL_BACK, PROMOTE = math.log(100), math.log(20)
Draw = Callable[[random.Random, int], Value]


def made(**spec: Any) -> SequentialCheck:
    return checks_of(Analysis(checks=[Check.model_validate({"name": "it", **spec})]))[0]


def coins(share: float) -> Draw:
    def draw(chance: random.Random, n: int) -> Value:
        return Counts(float(sum(chance.random() < share for _ in range(n))), float(n))

    return draw


def rewards(share: float) -> Draw:
    def draw(chance: random.Random, n: int) -> Value:
        return Sums(float(n), float(sum(chance.random() < share for _ in range(n))))

    return draw


def values(mean: float) -> Draw:
    def draw(chance: random.Random, n: int) -> Value:
        drawn = [chance.expovariate(1 / mean) for _ in range(n)]
        return Sums(float(n), sum(drawn), sum(x * x for x in drawn))

    return draw


def binned(*shares: float) -> Draw:
    def draw(chance: random.Random, n: int) -> Value:
        drawn = chance.choices(NAMES, shares, k=n)
        return Categories(NAMES, tuple(float(drawn.count(name)) for name in NAMES))

    return draw


def buckets(*shares: float) -> Draw:
    def draw(chance: random.Random, n: int) -> Value:
        drawn = chance.choices(range(4), shares, k=n)
        bounds = (1.0, 5.0, 25.0, math.inf)
        return Histogram(bounds, tuple(float(drawn.count(index)) for index in range(4)))

    return draw


def run(check: SequentialCheck, stable: Draw, candidate: Draw, blocks: int = 80) -> State:
    """An hour of history, then blocks of 300 values of stable and 100 of the candidate."""
    chance = random.Random(5)
    (metric,) = read_by(check)
    state = check.initial()
    for at in range(-60, blocks):
        first = stable(chance, 300)
        second = candidate(chance, 100) if at >= 0 else None
        interval = Interval(metric, 15.0 * at, 15.0 * at + 15, first, second, reference=TRAINING)
        state = check.absorb(state, interval)
    return state


TRAINED = (0.3, 0.4, 0.29, 0.01)
CASES = {
    "rewards": ("reward", rewards(0.3), rewards(0.2)),
    "rewards and a limit": ("earning", rewards(0.3), rewards(0.15)),
    "a user's counters": ("orders", coins(0.05), coins(0.10)),
    "a user's counters and a limit": ("refunds", coins(0.05), coins(0.16)),
    "a mean": ("basket", values(40.0), values(30.0)),
    "a mean and a limit": ("tokens", values(500.0), values(900.0)),
    "a user's histogram": ("pages", buckets(0.5, 0.3, 0.15, 0.05), buckets(0.2, 0.3, 0.3, 0.2)),
    "predictions and training data": ("trained", binned(*TRAINED), binned(0.1, 0.3, 0.59, 0.01)),
    "predictions and stable": ("moved", binned(*TRAINED), binned(0.1, 0.4, 0.49, 0.01)),
    "inputs and stable": ("distance", binned(*TRAINED), binned(0.25, 0.3, 0.25, 0.2)),
}
every_case = pytest.mark.parametrize(("name", "good", "bad"), CASES.values(), ids=CASES)


@every_case
def test_a_worse_candidate_is_found_and_never_proved_safe(name: str, good: Draw, bad: Draw) -> None:
    reading = BY_NAME[name].read(run(BY_NAME[name], good, bad))
    assert reading.harm > ROLL_BACK
    assert reading.proof < PROMOTE


@every_case
def test_a_candidate_like_stable_is_not_harmful_and_is_proved_safe_in_time(
    name: str, good: Draw, bad: Draw
) -> None:
    check = BY_NAME[name]
    reading = check.read(run(check, good, good, 400))
    assert reading.harm < ROLL_BACK
    assert reading.proof > PROMOTE


@every_case
def test_a_better_stable_than_candidate_mirrors(name: str, good: Draw, bad: Draw) -> None:
    """A candidate that is as good as stable is bad is never harm, where both are compared."""
    check = BY_NAME[name]
    if check.compares and "Drift" not in check.reason:
        assert check.read(run(check, bad, good)).harm < 0


def test_means_where_lower_is_better_are_harmed_by_more() -> None:
    queries = {"kind": "Mean", "sum": "a_sum", "count": "a_count", "better": "Lower"}
    check = made(**queries, worseThanStable={"ratio": 1.1})
    assert check.read(run(check, values(30.0), values(40.0))).harm > ROLL_BACK
    assert check.read(run(check, values(40.0), values(30.0))).proof > PROMOTE


def test_a_drift_of_both_arms_alike_is_no_difference() -> None:
    """The time of day moves everybody's inputs."""

    def draw(chance: random.Random, n: int) -> Value:
        hour = min(1.0, draw.calls / 160)  # type: ignore[attr-defined]
        draw.calls += 1  # type: ignore[attr-defined]
        return binned(0.6 - 0.5 * hour, 0.3, 0.09 + 0.5 * hour, 0.01)(chance, n)

    draw.calls = 0  # type: ignore[attr-defined]
    assert BY_NAME["distance"].read(run(BY_NAME["distance"], draw, draw)).harm < 1


def test_arms_with_other_bins_cannot_be_compared() -> None:
    def others(chance: random.Random, n: int) -> Value:
        return Categories(("up to 3", "3 to inf"), (0.5 * n, 0.5 * n))

    reading = BY_NAME["moved"].read(run(BY_NAME["moved"], binned(*TRAINED), others))
    assert (reading.harm, reading.proof, reading.candidate_samples) == (0.0, 0.0, 0.0)
    assert "the arms' bundles have other bins" in reading.sentence


def test_without_training_data_there_is_no_evidence_of_drift() -> None:
    check = BY_NAME["trained"]
    value = binned(*TRAINED)(random.Random(1), 100)
    state = check.absorb(check.initial(), Interval(Metric.PREDICTION, 0.0, 15.0, None, value))
    assert check.read(state).sentence == (
        "no training data of the candidate's predictions in these bins"
    )


@pytest.mark.parametrize(
    ("name", "stable", "candidate", "expected"),
    [
        (
            "reward",
            Sums(900.0, 108.0),
            Sums(100.0, 10.0),
            (
                "candidate earned 0.1 on average over 100 rewards (between 0.0291 and 0.228), "
                "stable earned 0.12 on average over 900 rewards (between 0.0843 and 0.163)"
            ),
        ),
        (
            "earning",
            Sums(900.0, 108.0),
            Sums(1.0, 0.0),
            "candidate earned 0 on average over 1 reward (between 0 and 0.975), limit 0.2",
        ),
        (
            "orders",
            Counts(3.0, 900.0),
            Counts(14.0, 100.0),
            (
                "candidate has 14 of 100 bad (14 %, between 5.2 and 27.9 %), "
                "stable has 3 of 900 bad (0.33 %, between 0.014 and 1.6 %)"
            ),
        ),
        (
            "refunds",
            Counts(3.0, 900.0),
            Counts(14.0, 100.0),
            "candidate has 14 of 100 bad (14 %, between 5.2 and 27.9 %), limit 10 %",
        ),
        (
            "moved",
            Categories(NAMES, (300.0, 400.0, 290.0, 10.0)),
            Categories(NAMES, (10.0, 40.0, 50.0, 0.0)),
            (
                "21 % of the candidate's 100 predictions lie in other bins than stable's 1,000, "
                "limit 5 %; 0.5 to inf has 50 % of them, stable's 29 %"
            ),
        ),
        (
            "distance",
            Categories(NAMES, (300.0, 400.0, 290.0, 10.0)),
            Categories(NAMES, (30.0, 40.0, 29.0, 1.0)),
            (
                "0 % of the candidate's 100 values of distance lie in other bins than stable's "
                "1,000, limit 5 %"
            ),
        ),
        (
            "trained",
            None,
            Categories(NAMES, (300.0, 400.0, 290.0, 10.0)),
            (
                "candidate's 1,000 predictions are at a stability index of 0 from its "
                "10,000 training rows, limit 0.2"
            ),
        ),
        (
            "memory",
            None,
            Level(2.14e9),
            (
                "the query gives 2,140,000,000, at most 2,000,000,000 is allowed (beyond the limit "
                "for 1 look); a plain threshold without an error guarantee"
            ),
        ),
        (
            "basket",
            Sums(900.0, 1800.0, 4500.0),
            Sums(100.0, 150.0, 300.0),
            (
                "candidate's mean is 1.5 over 100 values (between 1.06 and 1.94), "
                "stable's mean is 2 over 900 values (between 1.9 and 2.1)"
            ),
        ),
        (
            "tokens",
            None,
            Sums(100.0, 150.0),
            "candidate's mean is 1.5 over 100 values (scatter not known yet), limit 700",
        ),
    ],
)
def test_sentences(name: str, stable: Value | None, candidate: Value | None, expected: str) -> None:
    check = BY_NAME[name]
    (metric,) = read_by(check)
    interval = Interval(metric, 0.0, 15.0, stable, candidate, reference=TRAINING)
    assert check.read(check.absorb(check.initial(), interval)).sentence == expected


def split_after(real: float, *, asked: float = 0.1, blocks: int = 40) -> State:
    chance = random.Random(3)
    check = BY_NAME["split"]
    state = check.initial()
    for at in range(blocks):
        n_c = float(sum(chance.random() < real for _ in range(600)))
        arms = Counts(0.0, 600.0 - n_c), Counts(0.0, n_c)
        interval = Interval(Metric.REQUESTS, 15.0 * at, 15.0 * at + 15, *arms, share=asked)
        state = check.absorb(state, interval)
    return state


def test_the_split_that_was_asked_for_passes() -> None:
    verdict = BY_NAME["split"].read(split_after(0.1)).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "RequestSplitAsAsked")


def test_a_wrong_split_says_so_and_by_how_much() -> None:
    verdict = BY_NAME["split"].read(split_after(0.15)).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "RequestSplitMismatch")
    assert verdict.message.startswith("candidate got 3,")
    assert "10 % was asked for; the comparison cannot be trusted" in verdict.message


def test_the_first_scrape_after_a_change_of_weight_is_left_out() -> None:
    check = BY_NAME["split"]
    state = split_after(0.1)
    before = check.read(state)
    old = Counts(0.0, 540.0), Counts(0.0, 60.0)
    moved = check.absorb(state, Interval(Metric.REQUESTS, 900.0, 915.0, *old, share=0.5))
    assert check.read(moved) == before
    half = Counts(0.0, 300.0), Counts(0.0, 300.0)
    moved = check.absorb(moved, Interval(Metric.REQUESTS, 915.0, 930.0, *half, share=0.5))
    assert check.read(moved).harm < before.harm + 0.1
    assert check.read(moved).candidate_samples == before.candidate_samples + 300


def test_sessions_that_scatter_widely_are_no_wrong_split() -> None:
    chance = random.Random(8)
    check = BY_NAME["split"]
    state = check.initial()
    for at in range(200):
        n_c = 10.0 * sum(chance.random() < 0.1 for _ in range(60))
        arms = Counts(0.0, 600.0 - n_c), Counts(0.0, n_c)
        interval = Interval(Metric.REQUESTS, 15.0 * at, 15.0 * at + 15, *arms, share=0.1)
        state = check.absorb(state, interval)
        verdict = check.read(state).verdict
        assert verdict is not None
        assert verdict.outcome is Outcome.PASS or at == 0


ERRORS: dict[str, Any] = {"name": "errors", "metric": "error-rate", "worseThanStable": {}}
SPLIT: dict[str, Any] = {"name": "split", "metric": "request-split"}
MEMORY: dict[str, Any] = {"name": "memory", "kind": "Value", "query": "up", "above": 2.0}


def judged(
    specs: Sequence[dict[str, Any]],
    intervals: Sequence[Interval],
    *,
    live: bool = True,
    problems: Sequence[Problem] = (),
    now: float = 0.0,
) -> Judgement:
    analysis = Analysis(checks=[Check.model_validate(spec) for spec in specs])
    checks = checks_of(analysis)
    statuses: tuple[CheckStatus, ...] = ()
    statuses = absorb(checks, statuses, intervals, live=live, carried_since=0.0, share=0.1)
    return judge(analysis, checks, statuses, problems, live=live, started=0.0, now=now)


def requests(real: float, blocks: int) -> list[Interval]:
    return [
        Interval(
            Metric.REQUESTS,
            15.0 * at,
            15.0 * at + 15,
            Counts(6.0, 600.0 * (1 - real)),
            Counts(1.0, 600.0 * real),
        )
        for at in range(blocks)
    ]


def test_a_wrong_split_holds_and_is_no_part_of_the_harm() -> None:
    alone = judged([ERRORS], requests(0.3, 40))
    both = judged([ERRORS, SPLIT], requests(0.3, 40))
    assert both.harm == alone.harm
    assert not both.failed
    assert not both.suspicious
    assert [verdict.reason for verdict in both.holding] == ["RequestSplitMismatch"]


def test_a_split_alone_has_no_harm_at_all() -> None:
    judgement = judged([SPLIT], requests(0.9, 40))
    assert (judgement.harm, judgement.failed) == (0.0, ())
    assert judgement.holding


def test_an_interval_in_which_the_weight_changed_is_not_judged() -> None:
    early = [Interval(Metric.REQUESTS, -8.0, 7.0, Counts(0.0, 1e6), Counts(0.0, 0.0))] * 30
    judgement = judged([SPLIT], early)
    (status,) = judgement.statuses
    assert status.candidate_samples == status.stable_samples == 0


def test_while_there_are_only_copies_the_split_holds_nothing() -> None:
    copies = [Interval(Metric.MIRRORED, 0.0, 15.0, Counts(0.0, 600.0), Counts(0.0, 600.0))]
    assert not judged([ERRORS, SPLIT], copies, live=False).holding


def looks(*values: float) -> list[Interval]:
    return [
        Interval("check:memory", 15.0 * at, 15.0 * at + 15, None, Level(value))
        for at, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("seen", "outcome", "reason"),
    [
        ([3.0] * LOOKS, Outcome.FAIL, "ValueBeyondThreshold"),
        ([1.0, 3.0], Outcome.INCONCLUSIVE, "ValuePerhapsBeyondThreshold"),
        ([3.0] * LOOKS + [1.0], Outcome.INCONCLUSIVE, "ValueNotYetSettled"),
        ([1.0] * LOOKS, Outcome.PASS, "ValueWithinThreshold"),
        ([2.0] * LOOKS, Outcome.PASS, "ValueWithinThreshold"),
        ([math.nan, math.inf] * LOOKS + [1.0] * LOOKS, Outcome.PASS, "ValueWithinThreshold"),
        ([], Outcome.NO_DATA, "NoDataYet"),
    ],
    ids=[
        "three in a row beyond",
        "one beyond",
        "one within again",
        "three within",
        "the limit itself is within",
        "what is no number is not looked at",
        "never seen",
    ],
)
def test_a_plain_threshold(seen: Sequence[float], outcome: Outcome, reason: str) -> None:
    judgement = judged([MEMORY], looks(*seen))
    (verdict,) = judgement.verdicts
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert judgement.harm == 0.0
    assert bool(judgement.holding) == (outcome is Outcome.INCONCLUSIVE)
    assert bool(judgement.failed) == (outcome is Outcome.FAIL)


def test_a_threshold_that_cannot_be_read_is_an_error_not_a_pass() -> None:
    problem = Problem("check:memory", "SeveralSeries", "the query gives 2 series")
    judgement = judged([MEMORY], looks(1.0, 1.0, 1.0), problems=[problem])
    (verdict,) = judgement.verdicts
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "SeveralSeries")


def test_only_what_is_read_is_asked_for() -> None:
    analysis = Analysis(checks=[Check.model_validate(ERRORS)])
    own = (Metric.SERVED, Metric.REQUESTS)
    assert metrics_of(analysis, mirrors=False) == own
    assert metrics_of(analysis, mirrors=True) == (*own, Metric.MIRRORED)
    everything = Analysis(checks=[Check.model_validate(spec) for spec in SPECS])
    wanted: set[MetricKey] = set(metrics_of(everything, mirrors=True))
    assert wanted == {*METRICS, Metric.SERVED}
    assert set(queries_of(everything)) == {name for name in wanted if name.startswith("check:")}


class Skewed:
    """Metrics of a router that gives the candidate only a part of its share."""

    def __init__(self, honest: FakeMetrics, part: float) -> None:
        self.honest, self.part = honest, part

    def time(self, now: float) -> float:
        return now

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        return {
            rollout: replace(measured, intervals=tuple(map(self._skewed, measured.intervals)))
            for rollout, measured in self.honest.observe(requests, now).items()
        }

    def _skewed(self, interval: Interval) -> Interval:
        stable, candidate = interval.stable, interval.candidate
        if interval.metric != Metric.REQUESTS or not isinstance(candidate, Counts):
            return interval
        assert isinstance(stable, Counts)
        kept = Counts(round(candidate.bad * self.part), round(candidate.total * self.part))
        rest = Counts(stable.bad, stable.total + candidate.total - kept.total)
        return replace(interval, stable=rest, candidate=kept)


BOTH = """[{name: errors, metric: error-rate, worseThanStable: {}},
    {name: split, metric: request-split}]"""
SLOWLY = "[{weight: 20, hold: 10m}, {weight: 50, hold: 10m}]"


def rolled_out(part: float) -> tuple[World, set[str]]:
    """Roll out version 2 for an hour, and give the reasons of all decisions."""
    world = live(steps=SLOWLY, checks=BOTH)
    world.want("2")
    honest = world.metrics
    honest.script = Script(requests=600.0)
    world.metrics = Skewed(honest, part)  # type: ignore[assignment]
    return world, {world.tick().decision.reason for _ in range(240)}


def test_a_rollout_with_the_split_that_was_asked_for_is_promoted() -> None:
    world, reasons = rolled_out(1.0)
    assert world.status.stable is not None
    assert world.status.stable.version == "2"
    assert "RequestSplitMismatch" not in reasons


def test_a_rollout_with_a_wrong_split_holds_for_ever_and_is_never_rolled_back() -> None:
    world, _ = rolled_out(0.6)
    assert world.status.candidate is not None
    assert world.status.decision is not None
    assert world.status.decision.reason == "RequestSplitMismatch"
    assert world.status.step == 0
    assert not world.status.history[1:]


DRIFTED = (0.06, 0.4, 0.53, 0.01)


def turning(onset: int) -> Draw:
    """Give values as in training, and from a block of the run on others."""
    blocks = iter(range(10_000))

    def draw(chance: random.Random, n: int) -> Value:
        return binned(*(TRAINED if next(blocks) < onset else DRIFTED))(chance, n)

    return draw


@pytest.mark.parametrize("name", ["trained", "moved"])
def test_a_drift_that_begins_late_is_found_in_minutes(name: str) -> None:
    check = BY_NAME[name]
    good = binned(*TRAINED)
    assert check.read(run(check, good, turning(400), 400)).proof > PROMOTE
    assert check.read(run(check, good, turning(400), 416)).harm > ROLL_BACK


@pytest.mark.parametrize("since", [4, 8, 16, 100])
def test_a_proof_from_before_a_drift_promotes_nothing_after_it(since: int) -> None:
    check = BY_NAME["trained"]
    reading = check.read(run(check, binned(*TRAINED), turning(200), 200 + since))
    assert reading.proof < PROMOTE


def test_a_candidate_that_is_good_again_is_proved_anew() -> None:
    check = BY_NAME["trained"]
    blocks = iter(range(10_000))

    def draw(chance: random.Random, n: int) -> Value:
        drifted = 20 <= next(blocks) < 24
        return binned(*(DRIFTED if drifted else TRAINED))(chance, n)

    assert check.read(run(check, binned(*TRAINED), draw, 400)).proof > PROMOTE
