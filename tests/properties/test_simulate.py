"""Simulated rollouts: the same every time, and what they come to."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import load_rollout
from headrace.cli.simulate import simulate
from headrace.engine.decision import Action
from headrace.engine.observations import Metric
from headrace.errors import InvalidInput
from headrace.simulate.families import tilted
from headrace.simulate.numbers import Numbers
from headrace.simulate.peers import ARGO, FLAGGER, Peer
from headrace.simulate.presets import PRESETS, named
from headrace.simulate.rollout import run_once
from headrace.simulate.runs import OURS, Chunk, run_chunk
from headrace.simulate.runs import simulate as simulate_all
from headrace.simulate.scenario import DEFAULT_BOUNDS, Latency, Scenario, Slowdown, exceeds
from headrace.simulate.summary import share, summaries
from headrace.simulate.traffic import Drawn, Traffic
from tests.unit.engine.rollouts import rollout

STEPS = "[{mirror: 100, hold: 1m}, {weight: 20, hold: 5m}, {approval: {}}, {weight: 50, hold: 5m}]"
CHECKS = (
    "[{name: errors, metric: error-rate, worseThanStable: {ratio: 2}},"
    " {name: latency, metric: latency, worseThanStable: {ratio: 1.5}},"
    " {name: same, metric: shadow-agreement, below: 0.95}]"
)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "simulate" / "rollout.yaml"
SPEC = rollout(steps=STEPS, checks=CHECKS).spec


def scenario(name: str) -> Scenario:
    (found,) = named(name, SPEC)
    return found


@pytest.mark.parametrize("name", ["healthy", "outages", "shared-incident"])
def test_a_healthy_candidate_passes_the_approval_and_is_promoted(name: str) -> None:
    ending = run_once(SPEC, scenario(name), 1, 2)
    assert (ending.action, ending.reason) == (Action.PROMOTE, "ProvedSafe")
    assert ending.seconds >= 11 * 60


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (Scenario(worse=20.0), "ErrorRateWorse"),
        (Scenario(slowdown=Slowdown(3.0)), "LatencyWorse"),
        (Scenario(disagreeing=0.5), "AgreementWorse"),
        (Scenario(worse=20.0, onset=300.0), "ErrorRateWorse"),
    ],
    ids=["more failures", "slower", "other answers", "more failures after five minutes"],
)
def test_a_bad_candidate_is_rolled_back(happens: Scenario, reason: str) -> None:
    ending = run_once(SPEC, happens, 1, 2)
    assert (ending.action, ending.reason) == (Action.ROLL_BACK, reason)
    assert happens.onset < ending.seconds <= happens.onset + 120


def test_copies_reach_no_user() -> None:
    assert run_once(SPEC, Scenario(worse=50.0), 1, 2).served == 0
    late = run_once(SPEC, Scenario(worse=20.0, onset=300.0), 1, 2)
    assert late.served > 0


@pytest.mark.parametrize(
    "strategy",
    [
        "shadow: {hold: 2m, then: Promote}",
        "blueGreen: {prePromotion: {hold: 2m}}",
        "bandit: {reward: reward, update: 1m, stop: {probabilityBest: 0.95}, maxDuration: 1h}",
        "abTest: {goal: reward, maxDuration: 30m}",
        "abTest: {goal: reward, segments: country, maxDuration: 30m}",
    ],
    ids=lambda text: text.split(":")[0],
)
def test_every_strategy_can_be_simulated(strategy: str) -> None:
    checks = "[{name: errors, metric: error-rate, worseThanStable: {ratio: 3}}]"
    spec = rollout(strategy=strategy, checks=checks).spec
    assert run_once(spec, Scenario(worse=30.0), 1, 2).action is Action.ROLL_BACK
    assert run_once(spec, Scenario(gain=2.0), 1, 2).action is not Action.ROLL_BACK


FAMILIES = {
    "disagreeing": "{name: agreement, metric: shadow-agreement, below: 0.95}",
    "drift": "{name: drift, metric: prediction-drift, above: {psi: 0.2}}",
    "gain": "{name: reward, metric: reward, worseThanStable: {ratio: 1.2}}",
    "counts": "{name: orders, kind: Counts, bad: a, total: b, above: 0.1}",
    "means": "{name: basket, kind: Mean, sum: a, count: b, worseThanStable: {ratio: 1.1}}",
    "histograms": "{name: pages, kind: Histogram, buckets: a, worseThanStable: {ratio: 1.5}}",
    "level": "{name: memory, kind: Value, query: 'max(a)', above: 2e9}",
}
OTHERS = {
    "drift": [
        "{name: d, metric: prediction-drift, above: {moved: 0.2}}",
        "{name: d, metric: feature-drift, feature: age, above: {psi: 0.2}}",
    ],
    "gain": ["{name: d, metric: reward, below: 0.09}"],
    "counts": ["{name: d, kind: Counts, bad: a, total: b, worseThanStable: {ratio: 1.5}}"],
    "means": [
        "{name: d, kind: Mean, sum: a, count: b, squares: c, worseThanStable: {ratio: 1.1}}",
        "{name: d, kind: Mean, sum: a, count: b, better: Lower, worseThanStable: {ratio: 1.1}}",
        "{name: d, kind: Mean, sum: a, count: b, above: 700}",
        "{name: d, kind: Mean, sum: a, count: b, below: 0.2}",
    ],
    "histograms": ["{name: d, kind: Histogram, buckets: a, above: {quantile: 0.9, limit: 5s}}"],
    "level": ["{name: d, kind: Value, query: 'min(a)', below: 3}"],
}
BAD: dict[str, Any] = {
    "disagreeing": 0.2,
    "drift": 1.0,
    "gain": 0.5,
    "counts": 3.0,
    "means": 2.5,
    "histograms": 4.0,
    "level": 1.5,
}


def test_a_healthy_candidate_is_promoted_by_the_checks_of_all_families_together() -> None:
    spec = rollout(steps=STEPS, checks=f"[{', '.join(FAMILIES.values())}]").spec
    ending = run_once(spec, scenario("healthy"), 1, 2)
    assert (ending.action, ending.reason) == (Action.PROMOTE, "ProvedSafe")


@pytest.mark.parametrize(
    ("knob", "check"),
    [(knob, check) for knob, first in FAMILIES.items() for check in (first, *OTHERS.get(knob, ()))],
)
def test_what_is_bad_in_a_family_is_found_and_what_is_not_is_promoted(
    knob: str, check: str
) -> None:
    spec = rollout(steps="[{mirror: 100, hold: 1m}, {weight: 50, hold: 5m}]", checks=f"[{check}]")
    bad = replace(Scenario(onset=60.0), **{knob: BAD[knob]})
    if knob == "disagreeing":
        bad = replace(bad, onset=0.0)
    assert not bad.healthy
    assert bad.before.healthy
    found = run_once(spec.spec, bad, 1, 2)
    assert found.action is Action.ROLL_BACK
    assert bad.onset < found.seconds < 360
    assert run_once(spec.spec, Scenario(), 1, 2).action is Action.PROMOTE


def test_stable_is_the_same_for_every_candidate() -> None:
    numbers = Numbers(SPEC, Scenario(disagreeing=0.3), 1, 2)
    arm = Traffic(Scenario(), 1, 2, interval=15.0, length=60.0).draw(15.0, 0.5, 0.5).stable
    assert not numbers.of_stable(arm)
    assert list(numbers.of_candidate(None, arm, bad=True)) == [Metric.AGREEMENT]
    assert not numbers.of_candidate(arm, None, bad=True)


@given(st.floats(0, 5))
def test_a_drift_has_the_stability_index_that_was_asked_for(index: float) -> None:
    shares = tilted(index)
    assert sum(shares) == pytest.approx(1)
    found = sum((q - 0.1) * math.log(q / 0.1) for q in shares)
    assert found == pytest.approx(index, abs=1e-6)


def test_the_answer_is_the_same_for_a_seed_whatever_the_processes() -> None:
    def run(processes: int, seed: int = 4) -> object:
        done: list[int] = []
        bad = [Scenario("a", worse=8.0), Scenario("b", worse=9.0)]
        found = simulate_all(SPEC, bad, seed=seed, runs=12, processes=processes, done=done.append)
        assert sum(done) == 24
        return found

    assert run(1) == run(2)
    assert run(1) != run(1, seed=5)


def test_all_policies_are_summed_up() -> None:
    bad = Scenario("bad", worse=10.0)
    ours, argo, flagger = summaries(bad, run_chunk(Chunk(SPEC, bad, 1, 0, 8)))
    assert (ours.policy, argo.policy, flagger.policy) == (OURS, ARGO.name, FLAGGER.name)
    assert ours.rolled_back.value == argo.rolled_back.value == 1
    assert ours.rollback_seconds is not None
    assert argo.rollback_seconds is not None
    assert ours.rollback_seconds < argo.rollback_seconds
    assert ours.promoted.value == ours.undecided.value == ours.too_early.value == 0


def test_a_rollback_before_the_onset_is_too_early() -> None:
    late = Scenario("late", base=0.2, worse=2.0, onset=1e6)
    flagger = summaries(late, run_chunk(Chunk(SPEC, late, 1, 0, 4)))[2]
    assert flagger.too_early.value == 1
    assert flagger.rolled_back.value == 0


@given(st.integers(1, 10_000), st.data())
def test_a_share_lies_within_its_interval(runs: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, runs))
    found = share(count, runs)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_wilsons_interval_is_as_in_the_books() -> None:
    found = share(1, 100)
    assert (found.low, found.high) == pytest.approx((0.00177, 0.0545), abs=1e-4)


def drawn(bad: float, total: float, *, seen: bool = True) -> Drawn:
    traffic = Traffic(Scenario(), 0, 0, interval=15.0, length=60.0)
    scrape = traffic.draw(15.0, 0.5, 0.5)
    arm = replace(scrape.candidate, requests=replace(scrape.candidate.requests, bad=bad))
    if not total:
        arm = replace(arm, requests=replace(arm.requests, bad=0.0, total=0.0))
    return replace(scrape, candidate=arm, seen=seen)


@pytest.mark.parametrize(
    ("peer", "scrape", "minutes"),
    [
        (ARGO, drawn(200.0, 300.0), 4),
        (FLAGGER, drawn(200.0, 300.0), 6),
        (ARGO, drawn(0.0, 0.0), None),
        (FLAGGER, drawn(0.0, 0.0), 6),
        (FLAGGER, drawn(0.0, 300.0, seen=False), 6),
        (ARGO, drawn(3.0, 300.0), None),
    ],
    ids=[
        "Argo's fourth failed minute ends it",
        "Flagger's fifth ends it a minute later",
        "Argo takes no requests for no failure",
        "Flagger takes no requests for a failure",
        "Flagger takes an outage of the metrics for a failure",
        "a usual minute is none",
    ],
)
def test_the_peers_do_as_documented(peer: object, scrape: Drawn, minutes: int | None) -> None:
    assert peer in (ARGO, FLAGGER)
    at_work = Peer(ARGO if peer is ARGO else FLAGGER, 15.0)
    ended = [index for index in range(80) if at_work.rolls_back(scrape)]
    assert (ended[0] + 1) / 4 == minutes if minutes else not ended


@pytest.mark.parametrize("shape", ["lognormal", "gamma", "two modes"])
def test_the_distributions_fall_and_half_is_above_the_median(shape: str) -> None:
    latency = Latency(shape)  # type: ignore[arg-type]
    tails = [exceeds(latency, bound) for bound in (*DEFAULT_BOUNDS, 1e3)]
    assert all(1 >= low >= high >= 0 for low, high in itertools.pairwise(tails))
    if shape != "two modes":
        assert exceeds(latency, 0.1) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_traffic_is_as_the_scenario_says(preset: Scenario) -> None:
    traffic = Traffic(preset, 3, 1, interval=15.0, length=1e9)
    scrapes = [traffic.draw(1000.0 + 15 * at, 0.5, 0.5) for at in range(400)]
    for arm, factor in (("stable", 1.0), ("candidate", preset.worse)):
        arms = [getattr(scrape, arm) for scrape in scrapes]
        total = sum(one.requests.total for one in arms)
        assert total == pytest.approx(400 * 300, rel=0.02)
        bad = sum(one.requests.bad for one in arms)
        assert bad == pytest.approx(total * 0.01 * factor, rel=0.25)
        assert sum(sum(one.latency.counts) for one in arms) == total
    unseen = sum(not scrape.seen for scrape in scrapes) / 400
    assert unseen == pytest.approx(preset.outage, abs=0.1)


def test_bursts_have_the_variance_they_should() -> None:
    traffic = Traffic(Scenario(burst=4.0, base=0.05), 3, 1, interval=15.0, length=60.0)
    arms = [traffic.draw(-1.0, 1.0, 0.0).stable.requests for _ in range(3000)]
    mean = sum(arm.bad for arm in arms) / 3000
    variance = sum((arm.bad - mean) ** 2 for arm in arms) / 3000
    assert mean == pytest.approx(30, rel=0.05)
    assert variance / mean == pytest.approx(4, rel=0.15)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "rollout.yaml"
    document = rollout(steps=STEPS, checks=CHECKS).model_dump(mode="json", exclude={"status"})
    written.write_text(json.dumps(document), encoding="utf-8")
    return written


def test_the_command_prints_a_table_and_draws_a_picture(file: Path, tmp_path: Path) -> None:
    arguments = [str(file), "--runs", "3", "--processes", "1", "--errors", "10"]
    for name in ("picture.svg", "picture.png"):
        picture = tmp_path / name
        said = CliRunner().invoke(simulate, [*arguments, "--plot", str(picture)])
        assert said.exit_code == 0, said.output
        assert picture.stat().st_size > 5000
    for text in ("falsely", "rightly", "healthy", "as asked", "Headrace", "Argo, docs", "Flagger"):
        assert text in said.output
    assert max(map(len, said.output.splitlines())) <= 90


def test_the_command_gives_json_that_is_the_same_every_time(file: Path) -> None:
    arguments = [str(file), "--runs", "2", "--json", "--scenario", "errors-x10", "--rate", "80"]
    first, second = (CliRunner().invoke(simulate, arguments).output for _ in range(2))
    assert first == second
    told = json.loads(first)
    assert told["scenarios"][0]["rate"] == 80
    assert [result["policy"] for result in told["results"]] == [OURS, ARGO.name, FLAGGER.name]


@pytest.mark.parametrize(
    ("more", "named_problem"),
    [
        (["--onset", "5"], "--errors, --latency or another"),
        (["--plot", "x.pdf"], ".png or .svg"),
        (["--drift", "0.3"], "no check of the rollout looks at that"),
        (["--scenario", "level-x1.2"], "is about --level"),
    ],
    ids=[
        "an onset of nothing",
        "a picture of another kind",
        "drift that nobody looks at",
        "a preset that nobody looks at",
    ],
)
def test_what_makes_no_sense_is_refused(file: Path, more: list[str], named_problem: str) -> None:
    said = CliRunner().invoke(simulate, [str(file), *more])
    assert isinstance(said.exception, InvalidInput)
    assert named_problem in str(said.exception)


@pytest.mark.parametrize("index", [0.6, 1.0])
def test_a_drift_that_begins_late_is_rolled_back_within_minutes(index: float) -> None:
    spec = load_rollout(EXAMPLE).spec
    scenario = Scenario("late drift", drift=index, onset=600.0)
    for run in range(10):
        ending = run_once(spec, scenario, 7, run)
        assert (ending.action, ending.reason) == (Action.ROLL_BACK, "DriftWorse")
        assert 600 < ending.seconds <= 600 + 180
