"""ModelRollouts as the API server gives them, and what is written into them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from headrace.api import Condition
from headrace.controller.kept import ASK, FINALIZER, KeptRollouts
from headrace.controller.resources import Resource, Unreadable
from headrace.engine.suspension import STATUS_UNREADABLE
from headrace.errors import Conflict
from headrace.runtime.kubernetes.kinds import Kind
from tests.unit.engine.rollouts import live

NOW = 1_000_000.0


@dataclass
class Server:
    """One object, and what becomes of its status."""

    kept: dict[str, Any]

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        return self.kept

    def replace_status(self, written: dict[str, Any]) -> dict[str, Any]:
        if written["metadata"]["resourceVersion"] != self.kept["metadata"]["resourceVersion"]:
            raise Conflict("it was changed")
        version = str(int(written["metadata"]["resourceVersion"]) + 1)
        metadata = {**self.kept["metadata"], "resourceVersion": version}
        self.kept = {**self.kept, "metadata": metadata, "status": written["status"]}
        return {"metadata": metadata}

    def patch(
        self, kind: Kind, namespace: str, name: str, merge: Mapping[str, Any]
    ) -> dict[str, Any]:
        raise AssertionError("nothing is patched here")


def spoilt(ask: Mapping[str, str] | None = None, **status: Any) -> Server:
    """Have a rollout whose status is right but for these fields."""
    world = live()
    kept = world.rollout.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    kept["metadata"] |= {"resourceVersion": "7", "uid": "one", "generation": 3}
    if ask is not None:
        kept["metadata"]["annotations"] = {ASK: json.dumps(ask)}
    kept["status"] |= status
    return Server(kept)


def read(server: Server) -> tuple[KeptRollouts, Resource | Unreadable]:
    resources = KeptRollouts(lambda: {"models/flight-delay": server.kept}, server)
    (found,) = resources.all().values()
    return resources, found


def test_a_spec_that_was_edited_since_it_was_read_is_read_after_the_write() -> None:
    server = spoilt()
    server.kept["metadata"]["finalizers"] = [FINALIZER]
    resources, found = read(server)
    assert isinstance(found, Resource)
    server.kept["metadata"]["generation"] = 4
    server.kept["spec"]["model"]["version"] = "9"
    resources.write(found, found.rollout.status)
    (known,) = resources.all().values()
    assert isinstance(known, Resource)
    assert known.rollout.spec.model.version == "9"


@pytest.mark.parametrize(
    ("junk", "fault"),
    [
        ({"stable": {"version": "2"}}, "status.stable.name: Field required"),
        ({"started": "yesterday"}, "status.started"),
        ({"ofALaterVersion": 1}, "status.ofALaterVersion"),
    ],
    ids=["half a version", "no time", "a field that nobody knows"],
)
def test_the_first_fault_of_a_status_is_named_and_what_to_do(
    junk: dict[str, Any], fault: str
) -> None:
    _, found = read(spoilt(**junk))
    assert isinstance(found, Unreadable)
    assert found.reason == STATUS_UNREADABLE
    assert fault in found.message
    assert "headrace retry models/flight-delay" in found.message


def test_a_complaint_stands_beside_what_cannot_be_read_and_nothing_of_that_is_lost() -> None:
    server = spoilt(stable={"version": "2"})
    server.kept["status"]["conditions"].append({"type": "Audited", "status": "Of course"})
    before = server.kept["status"]
    resources, found = read(server)
    assert isinstance(found, Unreadable)
    said = Condition(
        type="Stalled",
        status="True",
        reason=found.reason,
        message=found.message,
        last_transition_time=NOW,
    )
    others = [each for each in found.conditions if each.type != "Stalled"]
    resources.complain(found, [*others, said])
    after = server.kept["status"]
    assert {**after, "conditions": []} == {**before, "conditions": []}
    types = [each["type"] for each in after["conditions"]]
    assert sorted(types) == sorted(each["type"] for each in before["conditions"])
    _, again = read(server)
    assert isinstance(again, Unreadable)
    assert said in again.conditions


def test_a_complaint_is_not_written_over_what_has_changed() -> None:
    server = spoilt(stable={"version": "2"})
    resources, found = read(server)
    assert isinstance(found, Unreadable)
    server.kept = {**server.kept, "metadata": {**server.kept["metadata"], "resourceVersion": "8"}}
    with pytest.raises(Conflict):
        resources.complain(found, [])


RETRY = {"wish": "retry", "identity": "one", "by": "ada"}


def test_a_persons_retry_begins_anew_and_keeps_what_was_live_when() -> None:
    _, found = read(spoilt(RETRY, stable={"version": "2"}))
    assert isinstance(found, Resource)
    status = found.rollout.status
    assert (status.stable, status.candidate, status.asked) == (None, None, "")
    assert [entry.version for entry in status.history] == ["1"]


def test_a_history_that_cannot_be_read_either_is_lost() -> None:
    _, found = read(spoilt(RETRY, history=[{"version": "1"}]))
    assert isinstance(found, Resource)
    assert found.rollout.status.history == []


@pytest.mark.parametrize(
    ("ask", "asked"),
    [({**RETRY, "wish": "abort"}, ""), (RETRY, "one")],
    ids=["another wish", "a retry that was carried out before"],
)
def test_nothing_else_begins_anew(ask: dict[str, str], asked: str) -> None:
    _, found = read(spoilt(ask, stable={"version": "2"}, asked=asked))
    assert isinstance(found, Unreadable)
