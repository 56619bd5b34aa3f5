"""`headrace judge`, as another program meets it."""

import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.cli.judge import Session
from tests.unit.simulate.conversation import LE_MS, Caller, Traffic, arm, said


def calm(index: int) -> dict[str, Any]:
    return {"t": 15.0 * (index + 1), "canary": arm(150, 2), "stable": arm(450, 5)}


def run(caller: Caller, traffic: Traffic, scrapes: int = 160, first: int = 0) -> tuple[str, int]:
    """Observe until something is decided; else hold."""
    for index in range(first, first + scrapes):
        answer = caller.observe(traffic.scrape(index))
        if answer["decision"] != "hold":
            return answer["decision"], index
    return "hold", first + scrapes


def test_a_doubling_of_errors_is_rolled_back_and_the_sentence_has_the_numbers() -> None:
    traffic, caller = Traffic(1, worse=3.0), Caller()
    caller.reset(traffic.history(), metric="error")
    answers = [caller.observe(traffic.scrape(index)) for index in range(60)]
    ended = next(answer for answer in answers if answer["decision"] == "rollback")
    assert ended["reason"] == "ErrorRateWorse"
    assert "candidate failed" in ended["message"]
    assert "odds against chance" in ended["message"]
    assert answers[-1] == ended, "a rollback is final"


def test_an_equal_candidate_is_promoted_when_the_schedule_has_held_and_not_before() -> None:
    traffic, caller = Traffic(2), Caller()
    caller.reset(traffic.history(), schedule_s=600, deadline_s=3600, ni_ratio=2.0)
    reasons = [caller.observe(traffic.scrape(index))["reason"] for index in range(39)]
    assert set(reasons) == {"ScheduleHolds"}
    decision, index = run(caller, traffic, first=39)
    assert decision == "promote"
    assert index < 239


def test_what_is_not_proved_is_held_until_the_deadline_and_then_inconclusive() -> None:
    traffic, caller = Traffic(3), Caller()
    caller.reset(traffic.history(), schedule_s=60, deadline_s=120, ni_ratio=1.01)
    answers = [caller.observe(traffic.scrape(index)) for index in range(20)]
    assert {answer["decision"] for answer in answers} == {"hold"}
    assert [answer["reason"] for answer in answers[:3]] == ["ScheduleHolds"] * 3
    assert [answer["reason"] for answer in answers[3:7]] == ["ErrorRateNotYetProved"] * 4
    assert {answer["reason"] for answer in answers[7:]} == {"Inconclusive"}


def test_after_the_deadline_harm_still_rolls_back_and_proof_no_longer_promotes() -> None:
    caller = Caller()
    caller.reset(Traffic(4).history(), schedule_s=60, deadline_s=60, ni_ratio=3.0)
    good, bad = Traffic(4), Traffic(4, worse=10.0)
    assert run(caller, good, 160)[0] == "hold"
    assert run(caller, bad, 20, first=160)[0] == "rollback"


def test_after_a_promotion_harm_still_rolls_back() -> None:
    caller = Caller()
    caller.reset(Traffic(4).history(), schedule_s=60, ni_ratio=4.0)
    assert run(caller, Traffic(4), 160)[0] == "promote"
    worse = Traffic(5, worse=2.5)
    answers = [caller.observe(worse.scrape(index))["decision"] for index in range(160, 240)]
    assert answers[0] == "promote"
    assert answers[-1] == "rollback"


@pytest.mark.parametrize(
    ("metric", "worse", "slower", "expected"),
    [
        ("error", 1.0, 3.0, "promote"),
        ("latency", 10.0, 1.0, "promote"),
        ("latency", 1.0, 1.5, "rollback"),
        ("both", 1.0, 1.5, "rollback"),
        ("both", 10.0, 1.0, "rollback"),
        ("both", 1.0, 1.0, "promote"),
    ],
    ids=[
        "a slow candidate, asked about errors",
        "a failing candidate, asked about latency",
        "a slow candidate, asked about latency",
        "a slow candidate, asked about both",
        "a failing candidate, asked about both",
        "a good candidate, asked about both",
    ],
)
def test_the_metric_says_what_is_compared(
    metric: str, worse: float, slower: float, expected: str
) -> None:
    traffic, caller = Traffic(6, worse=worse, slower=slower, timed=True), Caller()
    caller.reset(traffic.history(20), metric=metric, schedule_s=300, ni_ratio=2.5)
    assert run(caller, traffic, 120)[0] == expected


def test_both_checks_share_the_risk() -> None:
    """Half of alpha each, so that evidence that is just enough alone is not for both."""
    needed = []
    for metric in ("error", "both"):
        traffic, caller = Traffic(7, worse=2.0, timed=True), Caller()
        caller.reset(traffic.history(40), metric=metric)
        needed.append(run(caller, traffic)[1])
    assert needed[0] <= needed[1]


def test_a_reset_forgets_everything() -> None:
    caller = Caller()
    caller.reset(Traffic(8).history())
    first = [caller.observe(Traffic(8).scrape(index)) for index in range(5)]
    worse = Traffic(9, worse=20.0)
    assert run(caller, worse, first=5)[0] == "rollback"
    caller.reset(Traffic(8).history())
    assert [caller.observe(Traffic(8).scrape(index)) for index in range(5)] == first


def test_every_field_of_the_config_has_a_default() -> None:
    for config in ({}, None, {"metric": None, "alpha": None}):
        answer = Caller().send({"op": "reset", "config": config, "history": None})
        assert answer == {"ok": True}
    assert Caller().send({"op": "reset"}) == {"ok": True}


def test_a_long_schedule_moves_the_default_of_the_deadline() -> None:
    assert Caller().send({"op": "reset", "config": {"schedule_s": 9000}}) == {"ok": True}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"alpha": 0}, "config.alpha"),
        ({"alpha": 1.5}, "config.alpha"),
        ({"beta": "a lot"}, "config.beta"),
        ({"metric": "cost"}, "config.metric"),
        ({"metric": ["error"]}, "config.metric"),
        ({"interval": -15}, "config.interval"),
        ({"interval": True}, "config.interval"),
        ({"ni_ratio": 1}, "config.ni_ratio"),
        ({"ni_ratio": 1e9}, "config.ni_ratio"),
        ({"schedule_s": 100, "deadline_s": 50}, "config.deadline_s"),
        ({"schedule_s": 1e13}, "config.schedule_s"),
        ([1], "config"),
    ],
    ids=str,
)
def test_an_absurd_config_is_refused_by_name_and_the_rollout_goes_on(
    config: object, named: str
) -> None:
    caller, undisturbed = Caller(), Caller()
    for each in (caller, undisturbed):
        each.reset(Traffic(8).history())
        each.observe(calm(0))
    (refused,) = said(caller._session, json.dumps({"op": "reset", "config": config}) + "\n")
    assert named in refused["error"]
    assert caller.observe(calm(1)) == undisturbed.observe(calm(1))


HOSTILE: dict[str, Any] = {
    "no observation": None,
    "a list": [],
    "no time": {"canary": arm(1, 0)},
    "a time that is text": {**calm(1), "t": "now"},
    "an interval of zero": {**calm(1), "interval": 0},
    "a weight above one": {**calm(1), "weight": 50},
    "an arm that is a number": {**calm(1), "canary": 7},
    "a negative count": {**calm(1), "canary": arm(-1, 0)},
    "negative errors": {**calm(1), "canary": arm(10, -2)},
    "a count that is true": {**calm(1), "canary": {"requests": True, "errors": 0}},
    "a count beyond sense": {**calm(1), "canary": arm(10**40, 0)},
    "fewer counts than bounds": {**calm(1), "canary": arm(10, 0, [1, 2])},
    "bounds that fall": {
        **calm(1),
        "stable": {"le_ms": [10, 5, "+Inf"], "latency_counts": [1, 1, 1]},
    },
    "no last bound": {**calm(1), "stable": {"le_ms": [5, 10], "latency_counts": [1, 1]}},
    "a negative bucket": {
        **calm(1),
        "stable": {"le_ms": [5, "+Inf"], "latency_counts": [-1, 1]},
    },
}


@pytest.mark.parametrize("obs", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_absurd_observation_is_refused_and_changes_nothing(obs: object) -> None:
    caller, undisturbed = Caller(), Caller()
    for each in (caller, undisturbed):
        each.reset(Traffic(8).history())
        each.observe(calm(0))
    assert set(caller.observe(obs)) == {"error"}
    for index in range(1, 4):
        assert caller.observe(calm(index)) == undisturbed.observe(calm(index))


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_value_is_refused(token: str) -> None:
    caller = Caller()
    caller.reset()
    line = json.dumps({"op": "observe", "obs": {**calm(0), "canary": arm(150, 7777)}}) + "\n"
    line = line.replace("7777", token)
    (answer,) = said(caller._session, line)
    assert token in answer["error"]


@pytest.mark.parametrize(
    "line", ["", "[]", "7", "null", '"reset"', "{", '{"op": "stop"}', "{}", "[" * 100_000]
)
def test_a_line_that_makes_no_sense_is_answered(line: str) -> None:
    session = Session()
    answers = said(session, f"{line}\n\n" + '{"op": "reset"}\n')
    assert answers[-1] == {"ok": True}
    assert all("error" in answer for answer in answers[:-1])
    assert len(answers) == (2 if line else 1)


def test_observing_before_a_reset_is_an_error() -> None:
    assert "reset" in Caller().observe(calm(0))["error"]


def test_nothing_seen_holds_and_says_so() -> None:
    caller = Caller()
    caller.reset(Traffic(8).history())
    nothing = {"requests": None, "errors": None, "le_ms": None, "latency_counts": None}
    for index in range(200):
        side = [None, nothing, arm(0, 0)][index % 3]
        answer = caller.observe({"t": 15.0 * (index + 1), "canary": side, "stable": arm(600, 6)})
        assert answer["decision"] == "hold"
    assert answer["reason"] in ("Inconclusive", "NoDataYet")


def test_a_gap_says_that_there_is_no_data_and_is_no_observed_time() -> None:
    traffic, caller = Traffic(2), Caller()
    caller.reset(traffic.history(), schedule_s=600, deadline_s=9000, ni_ratio=2.5)
    for index in range(39):
        caller.observe(traffic.scrape(index))
    for index in range(39, 59):
        answer = caller.observe({"t": 15.0 * (index + 1), "canary": None, "stable": None})
        assert answer["decision"] == "hold"
    assert answer["reason"] == "NoTraffic"
    assert run(caller, traffic, first=60)[0] == "promote"


def test_the_same_scrape_again_is_not_counted_twice() -> None:
    once, often = Caller(), Caller()
    traffic = Traffic(10, worse=1.6)
    history = traffic.history()
    scrapes = [traffic.scrape(index) for index in range(40)]
    for each in (once, often):
        each.reset(history)
    for index, obs in enumerate(scrapes):
        expected = once.observe(obs)
        assert often.observe(obs) == expected
        assert often.observe(obs) == expected
        assert often.observe(scrapes[index // 2]) == expected


def test_a_late_scrape_fills_its_gap_once() -> None:
    traffic = Traffic(11, worse=1.4)
    scrapes = [traffic.scrape(index) for index in range(30)]
    late = [*scrapes[:10], *scrapes[12:20], scrapes[11], scrapes[10], scrapes[11], *scrapes[20:]]
    seen = []
    for order in (scrapes, late):
        caller = Caller()
        caller.reset(ni_ratio=2.0)
        seen.append([caller.observe(obs) for obs in order][-1])
    assert seen[0]["message"] == seen[1]["message"]


def test_three_scrapes_in_one_are_as_good_as_three() -> None:
    def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
        sides = {
            name: arm(
                sum(part[name]["requests"] for part in parts),
                sum(part[name]["errors"] for part in parts),
            )
            for name in ("canary", "stable")
        }
        return {"t": parts[-1]["t"], "interval": 45.0, **sides}

    traffic = Traffic(12, worse=2.0)
    scrapes = [traffic.scrape(index) for index in range(120)]
    history = traffic.history()
    ends = []
    for feed in (scrapes, [merged(scrapes[i : i + 3]) for i in range(0, 120, 3)]):
        caller = Caller()
        caller.reset(history)
        ends.append(next(o["t"] for o in feed if caller.observe(o)["decision"] == "rollback"))
    assert abs(ends[0] - ends[1]) <= 120


def test_a_clock_that_trembles_loses_no_scrape() -> None:
    steady, trembling = Caller(), Caller()
    for each in (steady, trembling):
        each.reset(schedule_s=300, ni_ratio=3.0)
    for index in range(60):
        obs = Traffic(index).scrape(index)
        expected = steady.observe(obs)
        shaken = {**obs, "t": obs["t"] + (1.3 if index % 2 else -1.3)}
        assert trembling.observe(shaken)["decision"] == expected["decision"]


def test_more_errors_than_requests_count_as_all_of_them() -> None:
    answers = []
    for errors in (150, 10**9):
        caller = Caller()
        caller.reset(Traffic(8).history())
        answers.append(caller.observe({**calm(0), "canary": arm(150, errors)}))
    assert answers[0] == answers[1]
    assert answers[0]["decision"] == "rollback"


@pytest.mark.parametrize(
    "history",
    [
        [],
        [None, None],
        [{"t": 0, "stable": None}],
        [{"stable": {"requests": None, "errors": None}}] * 30,
        [{"t": 5e6 + i, "stable": arm(600, 6)} for i in range(30)],
        [{"t": 15, "stable": arm(600, 6), "canary": None}] * 30,
    ],
    ids=[
        "empty",
        "nothing",
        "an arm that was not there",
        "numbers that were not seen",
        "a clock of its own",
        "always the same time",
    ],
)
def test_whatever_the_history_a_bad_candidate_is_found(history: list[object]) -> None:
    traffic, caller = Traffic(13, worse=8.0), Caller()
    caller.reset(history)
    assert run(caller, traffic, 40)[0] == "rollback"


LAYOUTS = {
    "other bounds, some the same": [10, 50, 100, 250, 1000, "+Inf"],
    "no bound the same": [7, 14, 30, 60, 120, 240, 480, 960, "+Inf"],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_buckets_that_change_do_not_blind_the_judge(layout: list[Any]) -> None:
    def moved(obs: dict[str, Any]) -> dict[str, Any]:
        obs = copy.deepcopy(obs)
        for side in (obs["canary"], obs["stable"]):
            counts = [0.0] * len(layout)
            for le, count in zip(LE_MS, side["latency_counts"], strict=True):
                fits = (i for i, new in enumerate(layout) if not isinstance(new, str) and le <= new)
                counts[-1 if isinstance(le, str) else next(fits, -1)] += count
            side |= {"le_ms": layout, "latency_counts": counts}
        return obs

    good, bad = Traffic(14, timed=True), Traffic(15, slower=3.0, timed=True)
    caller = Caller()
    caller.reset(good.history(20), metric="latency")
    for index in range(10):
        assert caller.observe(good.scrape(index))["decision"] == "hold"
    for index in range(10, 20):
        assert caller.observe(moved(good.scrape(index)))["decision"] == "hold"
    answers = [caller.observe(moved(bad.scrape(index)))["decision"] for index in range(20, 40)]
    assert "rollback" in answers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
COUNTS = st.none() | st.integers(0, 10**15) | st.floats(0, 1e15) | JSON
ARM = st.fixed_dictionaries(
    {},
    optional={
        "requests": COUNTS,
        "errors": COUNTS,
        "le_ms": st.just(LE_MS) | st.just([0.5, 5, "+Inf"]) | JSON,
        "latency_counts": st.lists(COUNTS, min_size=15, max_size=15)
        | st.lists(st.integers(0, 10**15), min_size=3, max_size=3)
        | JSON,
    },
)
OBS = st.fixed_dictionaries(
    {"t": st.integers(0, 40).map(lambda k: 15.0 * k) | st.floats() | JSON},
    optional={
        "interval": st.sampled_from([15, 45, 1e-3, 1e12]) | JSON,
        "weight": st.floats(0, 1) | JSON,
        "canary": st.none() | ARM | JSON,
        "stable": st.none() | ARM | JSON,
    },
)
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "alpha": st.floats(1e-9, 0.4) | JSON,
        "metric": st.sampled_from(["error", "latency", "both"]) | JSON,
        "ni_ratio": st.floats(1.0001, 100) | JSON,
        "schedule_s": st.sampled_from([0, 15, 600]) | JSON,
    },
)
LINES = st.one_of(
    st.fixed_dictionaries(
        {"op": st.just("reset")},
        optional={"config": CONFIG, "history": st.lists(OBS, max_size=12)},
    ),
    st.fixed_dictionaries({"op": st.just("observe"), "obs": OBS}),
    JSON,
)


@given(st.lists(LINES, max_size=12))
@settings(max_examples=150, deadline=None)
@example([{"op": "observe", "obs": {"t": 15, "canary": {"requests": 1e15, "errors": 1e15}}}] * 3)
def test_no_json_makes_it_die_or_say_what_is_no_json(lines: list[object]) -> None:
    session = Session()
    said(session, '{"op": "reset", "config": {"metric": "both"}}\n')
    for line in lines:
        (answer,) = said(session, json.dumps(line) + "\n")
        assert set(answer) in ({"ok"}, {"error"}, {"decision", "reason", "message"})
        assert answer.get("decision", "hold") in ("hold", "promote", "rollback")


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_no_text_makes_it_die(text: str) -> None:
    expected = [line for line in text.split("\n") if line.strip()]
    assert len(said(Session(), text)) == len(expected)


@given(st.permutations(range(8)), st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_the_order_of_late_scrapes_does_not_matter_to_what_was_counted(
    order: list[int], seed: int
) -> None:
    traffic = Traffic(seed)
    scrapes = [traffic.scrape(index) for index in range(8)]
    ends = []
    for permuted in (range(8), order):
        caller = Caller()
        caller.reset(schedule_s=1200, alpha=1e-9)  # no order of them ends it early
        ends.append([caller.observe(scrapes[index]) for index in permuted][-1]["message"])
    assert len(set(ends)) == 1


def test_the_session_is_the_same_in_every_process() -> None:
    """No randomness and no clock: two sessions give the same lines."""
    traffic = [Traffic(16, worse=1.5) for _ in range(2)]
    callers = [Caller(), Caller()]
    for caller, each in zip(callers, traffic, strict=True):
        caller.reset(each.history())
    for index in itertools.islice(itertools.count(), 30):
        answers = [c.observe(t.scrape(index)) for c, t in zip(callers, traffic, strict=True)]
        assert answers[0] == answers[1]
