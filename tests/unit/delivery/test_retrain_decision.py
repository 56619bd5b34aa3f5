from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.delivery.batch.tallies import Drift
from headrace.delivery.retrain.decision import Seen, Wanted, decide
from headrace.delivery.retrain.reading import quality_of, wanted_of
from headrace.errors import InvalidInput
from headrace.labels.trigger import Verdict

NOW = 1_800_000_000.0
DAY = 86_400.0
SEEN = Seen(
    version="auto-1", data="sha256:b", champion="7", champion_data="sha256:a", newest=NOW - 3 * DAY
)
STILL, MOVED = Drift("size", 300, 0, 0.02, False), Drift("size", 300, 0, 0.6, True)
DROPPED = Verdict(True, "QualityDropped", "accuracy of version 7 is 0.5, < 0.7, on 300 labels.")
HOLDS = Verdict(False, "QualityHolds", "Version 7 holds on 300 labels: accuracy 0.9.")
WANTED = Wanted(cool_down=DAY)


@pytest.mark.parametrize(
    ("wanted", "seen", "fires", "reason"),
    [
        pytest.param({}, {}, True, "NewData", id="other rows"),
        pytest.param({}, {"champion_data": "sha256:b"}, False, "DataUnchanged", id="same rows"),
        pytest.param({}, {"champion": "", "newest": None}, True, "FirstModel", id="no champion"),
        pytest.param({}, {"champion": ""}, True, "FirstModel", id="versions, and no champion"),
        pytest.param({}, {"is_offered": True}, False, "AlreadyOffered", id="offered before"),
        pytest.param({}, {"rejection": "bad"}, False, "NotPassedBefore", id="did not pass before"),
        pytest.param({}, {"under_way": "8"}, False, "RolloutUnderWay", id="another rollout"),
        pytest.param({}, {"newest": NOW - 60}, False, "CoolingDown", id="just registered one"),
        pytest.param(
            {}, {"is_registered": True, "newest": NOW - 60}, True, "Resumed", id="interrupted"
        ),
        pytest.param({"asked": "an alert"}, {}, True, "Asked", id="somebody asks"),
        pytest.param(
            {"asked": "an alert"}, {"newest": NOW}, False, "CoolingDown", id="asks too soon"
        ),
        pytest.param(
            {"asked": "an alert"},
            {"champion_data": "sha256:b"},
            False,
            "DataUnchanged",
            id="asks, and there is nothing to learn",
        ),
        pytest.param({"drift_limit": 0.25}, {"drifts": (MOVED,)}, True, "Drifted", id="drift"),
        pytest.param({"drift_limit": 0.25}, {"drifts": (STILL,)}, False, "NothingMoved", id="none"),
        pytest.param({"on_quality": True}, {"quality": DROPPED}, True, "QualityDropped", id="drop"),
        pytest.param({"on_quality": True}, {"quality": HOLDS}, False, "NothingMoved", id="holds"),
        pytest.param(
            {"on_quality": True, "drift_limit": 0.25},
            {"quality": DROPPED, "drifts": (STILL,)},
            True,
            "QualityDropped",
            id="either of two is enough",
        ),
        pytest.param(
            {"on_quality": True, "drift_limit": 0.25},
            {"quality": HOLDS, "drifts": (STILL,)},
            False,
            "NothingMoved",
            id="neither of two",
        ),
    ],
)
def test_it_is_time(wanted: dict[str, Any], seen: dict[str, Any], fires: bool, reason: str) -> None:
    found = decide(replace(WANTED, **wanted), replace(SEEN, **seen), NOW)
    assert (found.fires, found.reason) == (fires, reason)
    assert found.message.endswith((".", "bad", "go", "alert")), found.message


def test_the_sentences_have_the_numbers() -> None:
    drifting = Wanted(drift_limit=0.25)
    assert "size by 0.6" in decide(drifting, replace(SEEN, drifts=(MOVED,)), NOW).message
    still = decide(drifting, replace(SEEN, drifts=(STILL,)), NOW).message
    assert "more than 0.25, size the most by 0.02" in still
    cooling = decide(WANTED, replace(SEEN, newest=NOW - DAY + 3600), NOW).message
    assert "1h to go" in cooling


@given(
    asked=st.sampled_from(["", "an alert"]),
    drift=st.sampled_from([0.0, 0.25]),
    on_quality=st.booleans(),
    cool_down=st.floats(0, 10 * DAY),
    is_registered=st.booleans(),
    newest=st.one_of(st.none(), st.floats(0, 2 * NOW)),
    quality=st.sampled_from([None, DROPPED, HOLDS]),
    drifts=st.sampled_from([(), (MOVED,), (STILL,)]),
    stop=st.sampled_from(["champion_data", "is_offered", "rejection", "under_way"]),
)
def test_no_reason_is_stronger_than_what_makes_it_pointless(
    asked: str,
    drift: float,
    on_quality: bool,
    cool_down: float,
    is_registered: bool,
    newest: float | None,
    quality: Verdict | None,
    drifts: tuple[Drift, ...],
    stop: str,
) -> None:
    told: dict[str, Any] = {
        "champion_data": SEEN.data,
        "is_offered": True,
        "rejection": "auc was 0.4.",
        "under_way": "8",
    }
    seen = replace(
        SEEN, is_registered=is_registered, newest=newest, quality=quality, drifts=drifts,
        **{stop: told[stop]},
    )  # fmt: skip
    assert not decide(Wanted(asked, drift, on_quality, cool_down), seen, NOW).fires


@pytest.mark.parametrize(
    ("drift_limit", "cool_down"),
    [(-0.1, "1d"), (float("nan"), "1d"), (float("inf"), "1d"), (0.0, "soon"), (0.0, "")],
)
def test_wishes_that_make_no_sense_are_refused(drift_limit: float, cool_down: str) -> None:
    with pytest.raises(InvalidInput, match=r"drift_limit|cool_down"):
        wanted_of("", drift_limit, cool_down, on_quality=False)


@pytest.mark.parametrize(
    ("condition", "labels", "least", "since"),
    [
        ("auc < 1", "sqlite://", 1, "1d"),
        ("accuracy < 1", "", 1, "1d"),
        ("accuracy < 1", "sqlite://", 0, "1d"),
        ("accuracy < 1", "sqlite://", 1, "yesterday"),
    ],
    ids=["no condition", "no labels", "no number of labels", "no time"],
)
def test_a_quality_that_cannot_be_asked_for_is_refused(
    condition: str, labels: str, least: int, since: str
) -> None:
    with pytest.raises(InvalidInput):
        quality_of(condition, labels, least, since)


def test_no_quality_is_asked_for_without_a_condition() -> None:
    assert quality_of(" ", "", 0, "") is None
