"""Labels and predictions in any order, twice, and with restarts, in any batches, give the same."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.labels.quality import overall
from headrace.labels.records import Label, Prediction
from headrace.labels.store import LabelStore

NOW = 1_795_300_000.0
HOUR = 3600.0

REQUESTS = [f"request-{number}" for number in range(6)]
PREDICTIONS = [
    Prediction(name, version, 0.15 * number, NOW - number * HOUR, copied=version == "8")
    for number, name in enumerate(REQUESTS[:5])
    for version in ("7", "8")
]
"""The last request was never answered."""

LABELS = [Label(name, float(number % 2), NOW) for number, name in enumerate(REQUESTS) if number]
"""Of the first one, nobody has learned what was true."""

Record = Prediction | Label


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Record]]:
    """Every record at least once, some twice, in any order and any batches."""
    records: list[Record] = [*PREDICTIONS, *LABELS]
    again = draw(st.lists(st.sampled_from(records), max_size=8))
    order = draw(st.permutations([*records, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=5)))
    return [list(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def delivered(batches: Sequence[Sequence[Record]], restarts: bool, url: str) -> LabelStore:
    store = LabelStore(url, "late")
    for batch in batches:
        store.record_labels([one for one in batch if isinstance(one, Label)], NOW)
        store.record_predictions([one for one in batch if isinstance(one, Prediction)], NOW)
        if restarts:
            store.close()
            store = LabelStore(url, "late")
    return store


@settings(max_examples=40, deadline=None)
@given(batches=deliveries(), restarts=st.booleans())
def test_any_order_repetition_and_restart_gives_the_same(
    batches: list[list[Record]], restarts: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = delivered(batches, restarts, f"sqlite:///{Path(folder) / 'labels.db'}")
        counts, seen = store.counts(), overall(store.hours())
        rewards = store.take_rewards()
        store.close()
    extra = sum(map(len, batches)) - len(PREDICTIONS) - len(LABELS)
    assert (counts["predictions"], counts["labels"]) == (len(PREDICTIONS), len(LABELS))
    assert counts["duplicate predictions"] + counts["duplicate labels"] == extra
    assert (counts["joined"], counts["predictions waiting"], counts["labels waiting"]) == (8, 2, 1)
    assert [(each.version, each.count) for each in seen] == [("7", 4), ("8", 4)]
    for each in seen:
        answers = [(0.15 * number, float(number % 2)) for number in range(1, 5)]
        right = sum((answer > 0.5) == (truth == 1.0) for answer, truth in answers)
        brier = sum((answer - truth) ** 2 for answer, truth in answers) / 4
        assert each.scores == {
            "accuracy": pytest.approx(right / 4),
            "brier": pytest.approx(brier),
        }
    assert sorted(each.request_id for each in rewards) == REQUESTS[1:5]
    assert {each.version for each in rewards} == {"7"}


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 200), st.integers(0, 30), st.booleans()),
        max_size=40,
    )
)
def test_a_label_is_never_used_twice_however_long_it_takes(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    """Records of a few requests come again and again, while time goes by and room is short."""
    store = LabelStore("sqlite://", "late", window=50.0, capacity=5)
    now = NOW
    made: dict[str, float] = {}
    for number, passed, age, is_label in steps:
        now += passed / 10
        name = REQUESTS[number % len(REQUESTS)]
        if is_label:
            store.record_labels([Label(name, 1.0, now - age)], now)
        else:
            # A prediction comes with the time at which it was made, whenever it comes again.
            made.setdefault(name, now - age)
            store.record_predictions([Prediction(name, "7", 0.9, made[name])], now)
    counts = store.counts()
    assert counts["joined"] <= len(made)
    assert counts["predictions waiting"] <= 5
    assert counts["labels waiting"] <= 5
    given_up = counts["predictions without label"]
    assert counts["predictions"] == counts["joined"] + given_up + counts["predictions waiting"]
    assert len(store.take_rewards()) <= counts["joined"]
    store.close()
