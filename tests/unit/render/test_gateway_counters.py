from __future__ import annotations

from headrace.api import Stickiness, Traffic
from headrace.engine.plan import Plan
from headrace.render.gateway_counters import envoy_clusters
from tests.unit.render.rollouts import built, model

OLD, NEW = model("6"), model("7")
ROUTE = "httproute/models/flight-delay/rule"


def test_copies_are_told_from_answers() -> None:
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=100, mirror=20))
    assert envoy_clusters(built(), plan) == {
        f"{ROUTE}/0/backend/0": ("6", "live"),
        f"{ROUTE}/0-mirror-0": ("7", "mirror"),
    }


def test_rules_that_were_open_before_still_count() -> None:
    split = {
        f"{ROUTE}/0/backend/0": ("6", "live"),
        f"{ROUTE}/1/backend/0": ("6", "live"),
        f"{ROUTE}/1/backend/1": ("7", "live"),
    }
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(stable=90, candidate=10))
    assert envoy_clusters(built(), plan) == split
    plan = Plan(stable=OLD, candidate=NEW, traffic=Traffic(candidate=100))
    assert envoy_clusters(built(), plan) == {**split, f"{ROUTE}/2/backend/0": ("7", "live")}
    plan = Plan(stable=NEW, candidate=None, traffic=Traffic(stable=100))
    assert envoy_clusters(built(), plan) == {f"{ROUTE}/0/backend/0": ("7", "live")}


def test_users_who_come_back_count_and_tests_and_feedback_do_not() -> None:
    traffic = Traffic(stable=50, candidate=50)
    plan = Plan(stable=OLD, candidate=NEW, traffic=traffic, sticky=Stickiness())
    assert envoy_clusters(built(), plan) == {
        f"{ROUTE}/0/backend/0": ("6", "live"),
        f"{ROUTE}/1/backend/0": ("6", "live"),
        f"{ROUTE}/1/backend/1": ("7", "live"),
        f"{ROUTE}/2/backend/0": ("7", "live"),
    }
