"""What the controller says of itself."""

from __future__ import annotations

import json
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from headrace.api import Phase
from headrace.controller.logs import JsonLines
from headrace.controller.meters import Meters
from headrace.engine.decision import Action, Decision
from headrace.render.monitoring import OUTCOME, PHASE
from tests.unit.engine.rollouts import live

ORDER = ("namespace", "rollout", "version", "arm", "phase", "check", "outcome", "action", "reason")


def samples(meters: Meters) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(meters.page().decode())
    return {
        (
            sample.name,
            *(sample.labels[name] for name in ORDER if name in sample.labels),
        ): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_rollout_has_one_phase_its_weights_and_what_its_checks_say() -> None:
    world = live()
    world.want("2")
    world.until("StepHeld")
    world.tick()
    found = samples(Meters(lambda: {world.rollout.key: world.rollout}))
    name = ("models", "flight-delay")
    assert found[(PHASE, *name, "Progressing")] == 1
    assert sum(v for k, v in found.items() if k[0] == PHASE) == 1
    asked = world.status.weights.asked
    assert found[("headrace_rollout_weight", *name, "1", "stable")] == asked.stable
    assert found[("headrace_rollout_weight", *name, "2", "candidate")] == asked.candidate
    outcome = world.status.checks[0].outcome
    assert found[(OUTCOME, *name, "2", "errors", outcome)] == 1


def test_the_alerts_ask_for_labels_that_there_are() -> None:
    world = live()
    world.want("2")
    world.until("StepHeld")
    meters = Meters(lambda: {world.rollout.key: world.rollout})
    families = text_string_to_metric_families(meters.page().decode())
    labels = {family.name: set(family.samples[0].labels) for family in families if family.samples}
    assert labels[PHASE] == {"namespace", "rollout", "phase"}
    assert labels[OUTCOME] >= {"namespace", "rollout", "check", "outcome"}


def test_decisions_are_counted_by_what_they_were() -> None:
    meters = Meters(dict)
    meters.decided(Decision(Action.ROLL_BACK, "MoreErrors", "14 of 812"))
    meters.decided(Decision(Action.ROLL_BACK, "MoreErrors", "9 of 200"))
    assert samples(meters)[("headrace_decisions_total", "RollBack", "MoreErrors")] == 2


def test_a_rollout_that_never_began_has_a_phase_and_nothing_else() -> None:
    world = live()
    fresh = world.rollout.model_copy(update={"status": type(world.status)()})
    found = samples(Meters(lambda: {"models/new": fresh}))
    assert found[(PHASE, "models", "flight-delay", Phase.IDLE)] == 1
    assert not any(name[0] == OUTCOME for name in found)


def test_trouble_is_a_number_and_so_is_what_the_process_takes() -> None:
    found = samples(Meters(dict, in_trouble=lambda: 3, broken_watches=lambda: 1))
    assert found[("headrace_rollouts_in_trouble",)] == 3
    assert found[("headrace_watches_broken",)] == 1
    assert found[("process_resident_memory_bytes",)] > 0
    assert found[("process_cpu_seconds_total",)] > 0


def test_a_rollout_that_cannot_be_read_is_there_and_invalid() -> None:
    world = live()
    meters = Meters(lambda: {world.rollout.key: world.rollout}, refused=lambda: ["models/other"])
    phases = {name[1:]: value for name, value in samples(meters).items() if name[0] == PHASE}
    assert phases == {
        ("models", "flight-delay", Phase.HEALTHY): 1,
        ("models", "other", Phase.INVALID): 1,
    }


def test_a_thousand_rollouts_have_a_series_for_what_is_and_none_for_what_is_not() -> None:
    world = live()
    world.want("2")
    world.until("StepHeld")
    found = samples(Meters(lambda: {world.rollout.key: world.rollout}))
    of_it = [name for name in found if name[1:2] == ("models",)]
    # A phase, two weights, and a series for each check.
    assert len(of_it) == 3 + len(world.status.checks)


def test_a_line_of_the_log_is_json_whatever_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("headrace.controller")
    with caplog.at_level("INFO", "headrace"):
        logger.info('a "quoted"\nlie', extra={"rollout": "models/a", "version": "7"})
    line = JsonLines().format(caplog.records[0])
    assert "\n" not in line
    read = json.loads(line)
    assert (read["message"], read["rollout"]) == ('a "quoted"\nlie', "models/a")


def test_requests_are_counted_by_what_came_of_them() -> None:
    page = Meters(dict, lambda: {("patch", "httproutes", 409): 3}, lambda: {"TimedOut": 2}).page()
    assert b'headrace_api_requests_total{code="409",resource="httproutes",verb="patch"} 3.0' in page
    assert b'headrace_prometheus_queries_total{outcome="TimedOut"} 2.0' in page
