from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.errors import InvalidInput, PlatformUnavailable
from headrace.labels.records import Label, Prediction
from headrace.labels.retrain import retrain_due
from headrace.labels.store import LabelStore, Reward
from headrace.labels.trigger import Trigger, read_conditions

NOW = 1_795_300_000.0
HOUR = 3600.0


@pytest.fixture
def store() -> Iterator[LabelStore]:
    opened = LabelStore("sqlite://", "late", window=24 * HOUR, capacity=100)
    yield opened
    opened.close()


def predicted(
    request_id: str, answer: float = 0.9, version: str = "7", ago: float = 0.0
) -> Prediction:
    return Prediction(request_id, version, answer, NOW - ago)


def told(store: LabelStore, *names: str) -> list[int]:
    counts = store.counts()
    return [counts[name] for name in names]


def test_a_late_label_finds_its_prediction(store: LabelStore) -> None:
    store.record_predictions([predicted("a"), predicted("b", 0.2)], NOW)
    store.record_labels([Label("b", 1.0, NOW + HOUR), Label("a", 1.0, NOW + HOUR)], NOW + HOUR)
    (hour,) = store.hours()
    assert (hour.version, hour.kind, hour.start) == ("7", "probability", NOW // HOUR * HOUR)
    assert (hour.count, hour.right) == (2, 1.0)
    assert hour.squared == pytest.approx(0.01 + 0.64)


def test_a_label_may_come_before_its_prediction(store: LabelStore) -> None:
    store.record_labels([Label("a", 1.0, NOW)], NOW)
    assert told(store, "joined", "labels waiting") == [0, 1]
    store.record_predictions([predicted("a")], NOW)
    assert told(store, "joined", "labels waiting") == [1, 0]


def test_what_comes_twice_is_counted_and_used_once(store: LabelStore) -> None:
    for _ in range(3):
        store.record_predictions([predicted("a"), predicted("a")], NOW)
        store.record_labels([Label("a", 1.0, NOW), Label("a", 0.0, NOW)], NOW)
    names = ("predictions", "labels", "duplicate predictions", "duplicate labels", "joined")
    assert told(store, *names) == [1, 1, 5, 5, 1]
    assert [hour.right for hour in store.hours()] == [1.0]
    assert len(store.take_rewards()) == 1


def test_every_version_that_answered_learns_of_the_label_but_copies_get_no_feedback(
    store: LabelStore,
) -> None:
    copy = Prediction("a", "8", 0.2, NOW, copied=True)
    store.record_predictions([predicted("a"), copy], NOW)
    store.record_labels([Label("a", 1.0, NOW)], NOW)
    assert [(hour.version, hour.right) for hour in store.hours()] == [("7", 1.0), ("8", 0.0)]
    assert store.take_rewards() == (Reward("a", "7", 1.0),)


def test_feedback_is_taken_once(store: LabelStore) -> None:
    store.record_predictions([predicted(f"{n}", ago=n) for n in range(5)], NOW)
    store.record_labels([Label(f"{n}", 1.0, NOW) for n in range(5)], NOW)
    taken = [*store.take_rewards(2), *store.take_rewards(2), *store.take_rewards(2)]
    assert sorted(each.request_id for each in taken) == ["0", "1", "2", "3", "4"]
    assert store.take_rewards() == ()


def test_a_number_has_an_error_but_no_reward(store: LabelStore) -> None:
    store.record_predictions([Prediction("a", "7", 10.0, NOW, "number")], NOW)
    store.record_labels([Label("a", 7.0, NOW)], NOW)
    assert [(hour.absolute, hour.squared) for hour in store.hours()] == [(3.0, 9.0)]
    assert store.take_rewards() == ()


def test_what_cannot_be_compared_is_counted(store: LabelStore) -> None:
    store.record_predictions([predicted("a")], NOW)
    store.record_labels([Label("a", "late", NOW)], NOW)
    assert told(store, "joined", "incomparable") == [1, 1]
    assert store.hours() == ()


def test_after_the_window_records_are_given_up_and_refused(store: LabelStore) -> None:
    store.record_predictions([predicted("a"), predicted("b")], NOW)
    store.record_labels([Label("nobody", 1.0, NOW), Label("a", 1.0, NOW)], NOW)
    later = NOW + 25 * HOUR
    store.settle(later)
    names = ("predictions without label", "labels without prediction", "joined")
    assert told(store, *names) == [1, 1, 1]
    # The same again is not new: neither the label that was used nor the one that was not.
    store.record_predictions([predicted("a"), predicted("b")], later)
    store.record_labels([Label("a", 1.0, NOW)], later)
    store.record_labels([Label("b", 1.0, later)], later)
    assert told(store, *names, "too late", "labels waiting") == [1, 1, 1, 3, 1]


def test_no_more_is_kept_than_fits(store: LabelStore) -> None:
    for start in range(0, 1000, 50):
        some = [predicted(f"{n}", ago=1000 - n) for n in range(start, start + 50)]
        store.record_predictions(some, NOW)
        assert store.counts()["predictions waiting"] <= 100
    assert told(store, "predictions", "predictions without label") == [1000, 900]


def test_models_do_not_mix(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'labels.db'}"
    one, other = LabelStore(url, "one"), LabelStore(url, "other")
    one.record_predictions([predicted("a")], NOW)
    other.record_labels([Label("a", 1.0, NOW)], NOW)
    other.settle(NOW)
    assert told(one, "joined") == told(other, "joined") == [0]
    one.close()
    other.close()


def test_a_drop_in_quality_is_a_reason_to_train_once_in_a_cool_down(store: LabelStore) -> None:
    store.record_predictions([predicted(f"{n}", 0.1) for n in range(20)], NOW)
    store.record_labels([Label(f"{n}", 1.0, NOW) for n in range(20)], NOW)
    trigger = Trigger(read_conditions("accuracy < 0.7"), least=10, cool_down=HOUR)
    said = [retrain_due(store, trigger, "7", 24 * HOUR, NOW + wait) for wait in (0, 60, HOUR)]
    assert [one.reason for one in said] == ["QualityDropped", "CoolingDown", "QualityDropped"]


def test_only_one_of_two_who_claim_gets_it(store: LabelStore) -> None:
    assert [store.claim("x", NOW, HOUR), store.claim("x", NOW, HOUR)] == [True, False]
    assert store.claim("x", NOW + HOUR, HOUR)


@pytest.mark.parametrize("url", ["", "labels.db", "nothing://x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected an address such as sqlite"):
        LabelStore(url, "late")


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "labels.db").write_text("not a database, but long enough to be read as one" * 40)
    with pytest.raises(PlatformUnavailable, match="does not do as asked"):
        LabelStore(f"sqlite:///{tmp_path / 'labels.db'}", "late")
