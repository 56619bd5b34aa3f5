"""What is found of changes by others, and how often they are put back."""

from __future__ import annotations

from dataclasses import replace

from headrace.runtime.kubernetes.drift import FIRST_PATIENCE, LONGEST_PATIENCE
from tests.unit.runtime.kubernetes.places import Place


def test_what_is_as_it_was_applied_is_not_due() -> None:
    place = Place()
    assert place.due() == []
    assert place.memory.notes == []


def test_what_is_missing_leaving_or_without_its_owner_is_due() -> None:
    place = Place()
    del place.children[place.child("Deployment")]
    service, budget = place.child("Service"), place.child("PodDisruptionBudget")
    place.children[service] = replace(place.children[service], leaving=True)
    place.children[budget] = replace(place.children[budget], owner="")
    assert place.due() == ["Deployment", "Service", "PodDisruptionBudget"]
    assert place.memory.notes == [], "nobody knows that it was ever there"


def test_what_was_there_and_is_missing_is_told() -> None:
    place = Place()
    place.due()
    del place.children[place.child("Deployment")]
    assert place.due() == place.due() == ["Deployment"]
    ((reason, message),) = place.memory.notes
    assert reason == "DeletionUndone"
    assert message.startswith("Deployment flight-delay-6-")


def test_an_edit_is_due_and_told_with_who_it_was() -> None:
    place = Place()
    place.due()
    place.edit("Service", "f:spec")
    assert place.due() == ["Service"]
    ((reason, message),) = place.memory.notes
    assert reason == "EditUndone"
    assert message.startswith("spec of Service flight-delay-6-")
    assert message.endswith("was changed by ada; it is put back")


def test_a_fight_is_fought_less_and_less_often() -> None:
    place, times, now = Place(), 0, 0.0
    while now < 3600:
        place.edit("Service", "f:spec")
        if place.due(now):
            times += 1
            place.accept("Service")
        now += FIRST_PATIENCE
    assert 6 <= times <= 2 + 3600 / LONGEST_PATIENCE + 7
