"""What holds for every strategy, whatever the checks say, the world does and people ask."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import (
    Before,
    CheckStatus,
    Freeze,
    Gate,
    ModelSpec,
    OnDelete,
    Outcome,
    Phase,
    Status,
    Traffic,
)
from headrace.engine.barriers import rises
from headrace.engine.checks.build import checks_of
from headrace.engine.decide import decide
from headrace.engine.decision import Action, Tick
from headrace.engine.gates import Opening
from headrace.engine.judgement import Judgement
from headrace.engine.machine import next_decision
from headrace.engine.observations import Ask, Observations, VersionState, Wish
from headrace.engine.strategies.base import Arm, Scene
from headrace.engine.strategies.build import strategy_of
from headrace.engine.suspension import invalid
from headrace.engine.verdicts import Verdict
from tests.unit.engine.rollouts import World, live, rollout

AFTER = "postPromotion: {hold: 45s}, keepPrevious: 1m"
STRATEGIES = {
    "canary": "canary: {steps: [{mirror: 50, hold: 30s}, {weight: 5, hold: 30s}, "
    f"{{analysis: 30s}}, {{approval: {{}}}}, {{weight: 50, hold: 30s}}], {AFTER}}}",
    "canary with a ramp": "canary: {steps: [{weight: 5, hold: 2m}, {weight: 50, hold: 30s}], "
    "ramp: {badRequests: 500}}",
    "shadow that promotes": f"shadow: {{hold: 1m, then: Promote, {AFTER}}}",
    "shadow that discards": "shadow: {hold: 1m, then: Discard}",
    "shadow that pauses": "shadow: {hold: 1m, then: Pause}",
    "blue/green": f"blueGreen: {{prePromotion: {{hold: 1m}}, {AFTER}}}",
    "blue/green that is idle": "blueGreen: {prePromotion: {hold: 1m, mirror: 0}}",
    "A/B": "abTest: {goal: reward, minimumEffect: 0.05, maxDuration: 5m}",
    "A/B by segment": "abTest: {goal: reward, segments: country, maxDuration: 3m}",
    "A/B that promotes": "abTest: {goal: reward, maxDuration: 3m, ifInconclusive: Promote, "
    f"{AFTER}}}",
    "bandit": f"bandit: {{reward: reward, update: 30s, {AFTER}}}",
}  # fmt: skip
SEVERAL = ("A/B", "A/B that promotes", "bandit")

PROOFS = ("ProvedSafe", "Winner", "PromotedByPerson", "Inconclusive")
REASONS_TO_LEAVE = (
    "ErrorRateWorse", "Aborted", "Superseded", "CandidateKeepsCrashing", "DigestMismatch",
    "WentBack",
)  # fmt: skip
CALENDARS = {
    "open": [],
    "frozen": [Freeze(schedule="* * * * *", duration=3600.0)],
    "at times": [Freeze(schedule="*/4 * * * *", duration=120.0)],
}
GATES = [
    Gate(name=before.lower(), url="https://gates.example.com", before=before) for before in Before
]

GONE = VersionState(wanted=1, ready=0)
STATES = {
    "gone": GONE,
    "crashing": VersionState(wanted=1, ready=0, restarts=9),
    "refused": VersionState(wanted=1, ready=0, refused="DigestMismatch: its bytes differ"),
    "back": VersionState(wanted=1, ready=1),
}
EVENTS = st.lists(
    st.one_of(
        st.sampled_from(["tick", "tick", "run", "blind", "sight", "slow", "fast", "down", "up"]),
        st.sampled_from([f"{kind} {v}" for kind in ("bad", "good", "rich", "poor") for v in "123"]),
        st.sampled_from([f"{state} {version}" for state in STATES for version in "123"]),
        st.sampled_from([f"ask {wish}" for wish in Wish]),
        st.sampled_from([f"want {versions}" for versions in ("1", "2", "3", "23", "32")]),
        st.sampled_from([f"calendar {name}" for name in CALENDARS]),
        st.sampled_from([f"gates {name}" for name in ("none", "silent", *Opening)]),
        st.sampled_from(["suspend", "suspend not", "invalid", "tick"]),
    ),
    max_size=25,
)


def happen(world: World, event: str, *, several: bool) -> Ask | None:
    """Let something happen to the world, and give what a person asks for."""
    script, platform = world.metrics.script, world.platform
    kind, _, what = event.partition(" ")
    if kind in ("bad", "good"):
        script.errors[what] = 0.3 if kind == "bad" else 0.01
    elif kind in ("rich", "poor"):
        script.rewards[what] = 0.4 if kind == "rich" else 0.1
    elif kind in ("blind", "sight"):
        world.metrics.problem = "down" if kind == "blind" else ""
    elif kind in ("slow", "fast"):
        platform.slow = kind == "slow"
    elif kind in ("down", "up"):
        platform.down = "down" if kind == "down" else ""
    elif kind in STATES:
        platform.states[what] = STATES[kind]
    elif kind == "want":
        world.want(what[0], what[1:] if several else "")
    elif kind == "calendar":
        world.edit(freeze=CALENDARS[what])
    elif kind == "gates":
        world.edit(gates=[] if what == "none" else GATES)
        opening = None if what in ("none", "silent") else Opening(what)
        world.openings = {} if opening is None else {gate.name: opening for gate in GATES}
    elif kind == "suspend":
        world.edit(suspended=what != "not")
    elif kind == "invalid":
        status = invalid(world.status, "spec.strategy: is missing", 3, world.clock.now)
        world.rollout = world.rollout.model_copy(update={"status": status})
    elif kind == "ask":
        return Ask(Wish(what), f"{what}-{world.clock.now}", "ada")
    return None


def get_well(world: World, *, several: bool) -> None:
    """Mend everything but what people have set: freezes stay, and gates as they are."""
    mended = (f"{event} {version}" for event in ("good", "back") for version in "123")
    for event in (*mended, "sight", "fast", "up", "suspend not"):
        happen(world, event, several=several)


def check_weights(world: World, answer: Tick) -> None:
    traffic, plan = answer.plan.traffic, answer.plan
    weights = [traffic.stable, traffic.candidate, *traffic.challengers.values()]
    assert all(isinstance(weight, int) and weight >= 0 for weight in [*weights, traffic.mirror])
    if plan.stable is not None and world.status.phase is not Phase.PROMOTING:
        assert sum(weights) == 100
    elif plan.stable is not None:
        # Half-way, with nobody alive, it asks for what was carried, be it nothing.
        assert sum(weights) in (0, 100)
    served = {model.version for model, _ in plan.shares}
    assert sum(weight for _, weight in plan.shares) == sum(weights)
    assert served <= {model.version for model in plan.versions}
    assert len({model.version for model in plan.versions}) == len(plan.versions)
    if traffic.mirror:
        assert plan.candidate is not None


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=25, deadline=None)
@given(events=EVENTS, last=st.sampled_from(list(Wish)))
def test_whatever_happens_weights_are_whole_and_every_way_leads_to_an_end(
    name: str, events: list[str], last: Wish
) -> None:
    several = name in SEVERAL
    world = live(strategy=STRATEGIES[name])
    for event in ["want 23", "run", *events]:
        ask = happen(world, event, several=several)
        for _ in range(8 if event == "run" else 1):
            before = world.status
            answer = world.tick(ask)
            check_weights(world, answer)
            decision = answer.decision
            if before.phase in (Phase.PROGRESSING, Phase.PAUSED, Phase.HEALTHY):
                if decision.action is Action.PROMOTE and before.stable is not None:
                    assert decision.reason in PROOFS
                if decision.action in (Action.ROLL_BACK, Action.DROP):
                    assert decision.reason in REASONS_TO_LEAVE
    get_well(world, several=several)
    # What a person asks for is heeded, and abort always leads to an end.
    world.ask(last)
    for _ in range(12):
        check_weights(world, world.tick())
    world.ask(Wish.ABORT)
    for _ in range(12):
        world.tick()
    if world.status.candidate is not None:
        # It was a new rollout that the end of the last one let begin.
        world.ask(Wish.ABORT)
    for _ in range(12):
        world.tick()
    assert world.status.candidate is None
    assert world.status.phase in (Phase.HEALTHY, Phase.ROLLED_BACK)
    seen = world.platform.traffic
    assert seen == Traffic(stable=100)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=15, deadline=None)
@given(events=EVENTS)
def test_promotion_in_full_is_a_way_forward_from_every_state(name: str, events: list[str]) -> None:
    several = name in SEVERAL
    world = live(strategy=STRATEGIES[name])
    for event in ["want 2", "run", *events]:
        world.tick(happen(world, event, several=several))
    get_well(world, several=several)
    for _ in range(12):
        # A rollback that is under way ends first.
        if world.status.phase is not Phase.ROLLING_BACK:
            break
        world.tick()
    before = world.status
    models = [
        model for model in (before.candidate, *(c.model for c in before.challengers)) if model
    ]
    spec = world.rollout.spec
    if before.candidate is None or not set(models) <= set(spec.versions):
        return
    answer = world.ask(Wish.PROMOTE_FULL)
    if answer.decision.action not in (Action.ROLL_BACK, Action.DISCARD):
        for _ in range(12):
            answer = world.tick()
        # What else the spec names may be under test by then.
        assert world.status.stable in models
        assert world.status.history[-1].outcome == "Promoted"


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=15, deadline=None)
@given(events=EVENTS, is_ill=st.booleans(), everything=st.booleans())
def test_deletion_ends_from_every_state_and_leaves_all_users_with_one_version(
    name: str, events: list[str], is_ill: bool, everything: bool
) -> None:
    several = name in SEVERAL
    world = live(strategy=STRATEGIES[name])
    for event in ["want 23", "run", *events]:
        world.tick(happen(world, event, several=several))
    if not is_ill:
        get_well(world, several=several)
    world.edit(on_delete=OnDelete.DELETE if everything else OnDelete.KEEP)
    world.deleting = world.clock.now
    for _ in range(25):
        answer = world.tick()
        if answer.farewell:
            break
    assert answer.farewell
    if everything:
        assert answer.plan.versions == ()
        return
    assert answer.plan.stable is not None
    if not is_ill:
        assert answer.plan.versions == (answer.plan.stable,)
        assert answer.plan.traffic == Traffic(stable=100)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=25, deadline=None)
@given(events=EVENTS)
def test_in_a_freeze_no_weight_rises_and_nothing_starts_or_is_promoted(
    name: str, events: list[str]
) -> None:
    several = name in SEVERAL
    world = live(strategy=STRATEGIES[name])
    for event in ["want 23", "run", *events]:
        world.tick(happen(world, event, several=several))
    world.edit(freeze=CALENDARS["frozen"])
    for event in events:
        ask = happen(world, event, several=several)
        world.edit(freeze=CALENDARS["frozen"])
        before = world.status
        answer = world.tick(None if ask and ask.wish is Wish.PROMOTE_FULL else ask)
        if before.phase in (Phase.PROGRESSING, Phase.PAUSED, Phase.HEALTHY, Phase.ROLLED_BACK):
            assert world.status.phase is not Phase.PROMOTING
            assert before.candidate is not None or world.status.phase is not Phase.PROGRESSING
        tested = before.phase in (Phase.PROGRESSING, Phase.PAUSED) and before.stable is not None
        if tested and answer.decision.action is not Action.DROP:
            assert not rises(answer.plan.traffic, before.weights.asked)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=15, deadline=None)
@given(events=EVENTS)
def test_naming_the_live_version_is_a_way_out_of_every_state(name: str, events: list[str]) -> None:
    several = name in SEVERAL
    world = live(strategy=STRATEGIES[name])
    for event in ["want 23", "run", *events]:
        world.tick(happen(world, event, several=several))
    get_well(world, several=several)
    for _ in range(4):
        # A promotion may end in between, and another version be live.
        assert world.status.stable is not None
        world.want(world.status.stable.version)
        for _ in range(6):
            answer = world.tick()
    assert world.status.phase is Phase.HEALTHY
    assert answer.decision.reason == "Live"


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=15, deadline=None)
@given(events=EVENTS)
def test_a_second_call_says_the_same_and_without_news_moves_nothing(
    name: str, events: list[str]
) -> None:
    several = name in SEVERAL
    world = live(strategy=STRATEGIES[name])
    for event in ["want 23", "run", *events]:
        world.tick(happen(world, event, several=several))
    spec, now = world.rollout.spec, world.clock.now
    problem = world.platform.down
    seen = Observations() if problem else Observations(world=world.platform.observe(world.rollout))
    first = decide(spec, world.status, seen, now)
    assert decide(spec, world.status, seen, now) == first
    # Where something can still follow from what is known, it follows in bounded time.
    status = first.status
    for _ in range(12):
        status = decide(spec, status, seen, now).status
    settled = decide(spec, status, seen, now)
    again = decide(spec, settled.status, seen, now)
    assert again == settled
    assert again.status == settled.status


OUTCOMES = st.sampled_from(list(Outcome))
POLICIES: dict[str, Any] = {
    "onNoData": st.sampled_from(["Hold", "Pause", "RollBack"]),
    "ifInconclusive": st.sampled_from(["Pause", "RollBack"]),
    "mode": st.sampled_from(["Observe", "Advise", "Enforce"]),
}
CHECKS = (
    "[{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}, "
    "{name: slo, metric: error-rate, above: 0.05}, "
    "{name: slow, metric: latency, above: {limit: 1s}, required: false}]"
)


@st.composite
def scenes(draw: st.DrawFn, name: str) -> Scene:
    """Draw a scene in which the checks say anything at all."""
    more = "".join(f", {key}: {draw(policy)}" for key, policy in POLICIES.items())
    challengers = "3" if name in SEVERAL and draw(st.booleans()) else ""
    made = rollout(
        "2", strategy=STRATEGIES[name], checks=CHECKS, more=more, challengers=challengers
    )
    checks = checks_of(made.spec.analysis)
    started = 1_000_000.0
    arms = []
    for model in made.spec.versions:
        outcomes = [draw(OUTCOMES) for _ in checks]
        verdicts = tuple(
            Verdict(check.name, outcome, f"{outcome}Reason", "a sentence")
            for check, outcome in zip(checks, outcomes, strict=True)
        )
        harm = 5.0 if Outcome.FAIL in outcomes else draw(st.sampled_from([0.0, 3.0]))
        statuses = tuple(CheckStatus(name=check.name) for check in checks)
        arms.append(Arm(model, Judgement(verdicts, statuses, harm, 4.6)))
    strategy = strategy_of(made.spec)
    status = Status(
        phase=draw(st.sampled_from([Phase.PROGRESSING, Phase.PAUSED])),
        stable=_version(made.spec.model, "1"),
        candidate=made.spec.model,
        step=draw(st.integers(0, len(strategy.steps))),
        held=draw(st.sampled_from([0.0, 15.0, 60.0, 86400.0])),
        started=started,
        carried_since=started,
        challengers=[{"model": model} for model in made.spec.challengers],
        learning={
            "probability_best": {"1": 0.0, **{m.version: 0.5 for m in made.spec.versions}},
            "expected_loss": {"1": 0.5, **{m.version: 0.0 for m in made.spec.versions}},
        },
    )
    now = started + draw(st.sampled_from([15.0, 10_000.0]))
    return Scene(made.spec.analysis, checks, status, tuple(arms), now)


def _version(model: ModelSpec, version: str) -> ModelSpec:
    return model.model_copy(update={"version": version})


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_no_verdicts_promote_without_the_proof_or_end_without_a_reason(
    name: str, data: st.DataObject
) -> None:
    scene = data.draw(scenes(name))
    strategy = strategy_of(
        rollout(
            "2",
            strategy=STRATEGIES[name],
            checks=CHECKS,
            challengers="3" if scene.status.challengers else "",
        ).spec
    )
    decision = next_decision(strategy, scene)
    outcomes = {
        arm.model.version: {v.check: v.outcome for v in arm.judgement.verdicts}
        for arm in scene.arms
    }
    everything = [outcome for arm in outcomes.values() for outcome in arm.values()]
    analysis = scene.analysis
    match decision.action:
        case Action.PROMOTE:
            promoted = outcomes[decision.version or "2"]
            assert promoted["errors"] is promoted["slo"] is Outcome.PASS
            if analysis.mode == "Enforce":
                assert Outcome.FAIL not in everything
        case Action.ROLL_BACK | Action.DROP:
            failed = analysis.mode == "Enforce" and Outcome.FAIL in everything
            blind = {Outcome.NO_DATA, Outcome.ERROR} & set(everything)
            wished = analysis.on_no_data == "RollBack" and bool(blind)
            late = decision.reason == "Inconclusive" and analysis.if_inconclusive == "RollBack"
            assert failed or wished or late
            if decision.action is Action.DROP:
                assert Outcome.FAIL in outcomes[decision.version].values()
                assert len(scene.arms) > 1
        case Action.DISCARD:
            assert decision.reason in ("ShadowHeld", "Inconclusive", "StableLeads")
    if analysis.mode == "Enforce" and Outcome.FAIL in everything:
        assert decision.action in (Action.ROLL_BACK, Action.DROP)
