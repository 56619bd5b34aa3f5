"""The folder that plays the part of the API server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headrace.api import Phase, Status
from headrace.controller.store import RolloutStore, find_store
from headrace.engine.observations import Wish
from headrace.errors import Conflict, InvalidInput, NotFound, TemporaryError
from tests.unit.engine.rollouts import live, rollout


@pytest.fixture
def store(tmp_path: Path) -> RolloutStore:
    one = RolloutStore(tmp_path / "models" / "flight-delay")
    one.apply(rollout("1"))
    return one


def test_what_was_applied_is_read_with_an_empty_status(store: RolloutStore) -> None:
    assert store.read() == rollout("1")


def test_a_status_in_the_middle_of_a_rollout_survives_to_the_bit(store: RolloutStore) -> None:
    world = live()
    world.want("2")
    world.until("StepHeld")
    store.write_status(world.status)
    assert store.read().status == world.status


def test_applying_another_version_leaves_the_status_alone(store: RolloutStore) -> None:
    store.write_status(Status(phase=Phase.HEALTHY))
    store.apply(rollout("2"))
    assert store.read().spec.model.version == "2"
    assert store.read().status.phase is Phase.HEALTHY


def test_two_requests_of_a_person_differ_even_if_they_ask_the_same(store: RolloutStore) -> None:
    assert store.pending_ask() is None
    store.ask(Wish.ABORT, "ada")
    first = store.pending_ask()
    store.ask(Wish.ABORT, "ada")
    second = store.pending_ask()
    assert first is not None
    assert second is not None
    assert (first.wish, first.by) == (Wish.ABORT, "ada")
    assert first.identity != second.identity


@pytest.mark.parametrize(
    "junk", [b'{"phase": "Sleepy"}', b"", b'{"phase": "\xff"}', b"[" * 100_000]
)
def test_a_status_that_was_damaged_is_named_and_not_overwritten(
    store: RolloutStore, junk: bytes
) -> None:
    file = store.directory / "status.json"
    file.write_bytes(junk)
    with pytest.raises(InvalidInput, match=r"status\.json cannot be read"):
        store.read()
    assert file.read_bytes() == junk


def test_a_status_that_the_disk_does_not_give_is_named(store: RolloutStore) -> None:
    (store.directory / "status.json").mkdir()
    with pytest.raises(InvalidInput, match=r"status\.json cannot be read"):
        store.read()


def test_a_request_that_was_damaged_is_none(store: RolloutStore) -> None:
    (store.directory / "ask.json").write_bytes(b'{"wish": "\xff')
    assert store.pending_ask() is None


def test_a_disk_that_takes_nothing_loses_nothing(store: RolloutStore) -> None:
    store.write_status(Status(phase=Phase.HEALTHY))
    (store.directory / "status.json").rename(store.directory / "kept.json")
    (store.directory / "status.json").mkdir()
    with pytest.raises(TemporaryError, match="could not be written"):
        store.write_status(Status(phase=Phase.PAUSED))
    assert not [path for path in store.directory.iterdir() if path.name.startswith(".")]


def test_a_folder_has_one_owner_at_a_time_and_none_after_it_died(store: RolloutStore) -> None:
    script = (
        "import sys; from pathlib import Path; from headrace.controller.store import owned\n"
        "with owned(Path(sys.argv[1])):\n    print('mine', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store.directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        assert store.is_running
        with pytest.raises(Conflict, match=f"Process {other.pid} already works"), store.owned():
            pass
        other.kill()
    assert not store.is_running


def test_a_rollout_is_found_by_name_or_because_it_is_the_only_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="headrace up"):
        find_store(tmp_path, None)
    first = RolloutStore(tmp_path / "models" / "flight-delay")
    first.apply(rollout("1"))
    assert find_store(tmp_path, None).directory == first.directory
    RolloutStore(tmp_path / "shop" / "churn").apply(rollout("1"))
    assert find_store(tmp_path, "churn").directory.name == "churn"
    assert find_store(tmp_path, "models/flight-delay").directory == first.directory
    with pytest.raises(NotFound, match="name one of: models/flight-delay, shop/churn"):
        find_store(tmp_path, None)
    with pytest.raises(NotFound, match="no rollout absent"):
        find_store(tmp_path, "absent")
