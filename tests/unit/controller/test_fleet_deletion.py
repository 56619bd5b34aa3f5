"""A resource that is deleted goes, whatever is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.api import ModelRollout, Phase
from headrace.controller.parting import PATIENCE
from headrace.controller.resources import Unreadable
from headrace.engine.observations import World
from headrace.engine.plan import Plan
from headrace.errors import PlatformUnavailable
from tests.unit.controller.bench import Bench, Hands

KEY = "models/flight-0"


@dataclass
class Ward:
    """Notes what was given up.

    Attributes:
        parted: The plans of rollouts that were deleted.
        abandoned: Those that were left as they were.
        down: Why nothing can be given up now; empty if it can.
    """

    parted: list[Plan] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    down: str = ""

    def part(self, rollout: ModelRollout, plan: Plan, now: float) -> bool:
        self.parted.append(plan)
        return True

    def abandon(self, resource: Unreadable) -> None:
        if self.down:
            raise PlatformUnavailable(self.down)
        self.abandoned.append(resource.key)


def live(ward: Ward) -> Bench:
    bench = Bench("1", parting=ward)
    bench.until(Phase.HEALTHY)
    return bench


def spoilt(ward: Ward) -> Bench:
    """Give a rollout with an invalid spec that was deleted just now."""
    bench = live(ward)
    bench.shelf.spoil(KEY, "spec.freeze: there is no such timezone", 9)
    bench.slots(2)
    bench.shelf.delete(KEY, bench.now)
    return bench


def test_one_that_is_gone_is_not_looked_at_any_more() -> None:
    ward, after = Ward(), []
    bench = live(ward)

    class Watched(Hands):
        def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
            super().apply(rollout, plan)
            return True

        def observe(self, rollout: ModelRollout) -> World:
            if ward.parted:
                after.append(rollout.key)
            return super().observe(rollout)

    bench.fleet = bench.restart(Watched(bench.cluster))
    bench.shelf.delete(KEY, bench.now)
    bench.slots(3)
    assert ward.parted
    assert not after


def test_a_valid_one_gives_up_its_stable_version_and_goes() -> None:
    ward = Ward()
    bench = live(ward)
    bench.shelf.delete(KEY, bench.now)
    bench.slots(1)
    assert KEY not in bench.shelf.kept
    assert [[m.version for m in plan.versions] for plan in ward.parted] == [["1"]]


def test_an_invalid_one_goes_after_a_minute_and_leaves_what_runs() -> None:
    ward = Ward()
    bench = spoilt(ward)
    again = bench.tick()
    assert again <= bench.now + PATIENCE
    kept = bench.shelf.kept[KEY]
    assert isinstance(kept, Unreadable)
    assert kept.status is not None
    (stalled,) = (c for c in kept.status.conditions if c.type == "Stalled")
    assert "unless the spec is corrected within a minute, it goes" in stalled.message
    plans = list(bench.cluster.of(KEY).plans)
    bench.now = again
    bench.tick()
    bench.now += PATIENCE
    bench.tick()
    assert KEY not in bench.shelf.kept
    assert ward.abandoned == [KEY]
    assert bench.cluster.of(KEY).plans == plans


def test_an_invalid_one_that_is_corrected_in_time_goes_as_every_other() -> None:
    ward = Ward()
    bench = spoilt(ward)
    bench.slots(1)
    bench.want("1")
    bench.shelf.delete(KEY, bench.now)
    bench.slots(3)
    assert KEY not in bench.shelf.kept
    assert ward.abandoned == []
    assert len(ward.parted) == 1


def test_one_whose_status_cannot_be_read_goes_too() -> None:
    ward = Ward()
    bench = spoilt(ward)
    kept = bench.shelf.kept[KEY]
    bench.shelf.kept[KEY] = Unreadable(KEY, kept.fence, "no status", deleting=kept.deleting)
    bench.slots(6)
    assert KEY not in bench.shelf.kept
    assert ward.abandoned == [KEY]


def test_what_could_not_be_given_up_is_tried_again_soon() -> None:
    ward = Ward(down="the API server does not answer")
    bench = spoilt(ward)
    bench.now += PATIENCE
    assert bench.tick() <= bench.now + 15
    assert KEY in bench.shelf.kept
    ward.down = ""
    bench.slots(1)
    assert ward.abandoned == [KEY]
    assert KEY not in bench.shelf.kept
