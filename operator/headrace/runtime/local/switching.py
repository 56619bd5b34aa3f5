"""The order of a switch: make before break, so that no request meets a missing server.

Pure. First the clusters of what is to come, then the routes, and what nobody uses any more goes
away only when Envoy itself shows that it has carried nothing there for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from headrace.engine.observations import Arm
from headrace.engine.plan import Plan
from headrace.runtime.local.envoy.admin import RouterView
from headrace.runtime.local.envoy.clusters import Kind
from headrace.runtime.local.envoy.routes import TIMEOUT, Mirror, Routes, Share, Sticky

Cluster = tuple[str, Kind]


def planned_routes(plan: Plan) -> Routes:
    """Give the routes that a plan asks for."""
    mirror = None
    if plan.candidate is not None and plan.traffic.mirror:
        mirror = Mirror(plan.candidate.version, plan.traffic.mirror)
    return Routes(
        tuple(
            Share(spec.version, Arm.STABLE if spec == plan.stable else Arm.CANDIDATE, weight)
            for spec, weight in plan.shares
        ),
        mirror,
        tuple(spec.version for spec in plan.versions),
        None if plan.sticky is None else Sticky(plan.sticky.cookie, round(plan.sticky.ttl)),
    )


def planned_clusters(plan: Plan) -> frozenset[Cluster]:
    """Give the clusters that should be there, used or not."""
    kinds = (Kind.LIVE, Kind.FEEDBACK)
    clusters = {(spec.version, kind) for spec in plan.versions for kind in kinds}
    if plan.candidate is not None:
        clusters.add((plan.candidate.version, Kind.MIRROR))
    return frozenset(clusters)


def next_routes(planned: Routes, view: RouterView) -> Routes:
    """Give the routes that are right now, on the way to the planned ones.

    A version that carries nothing yet gets no requests before Envoy finds a server of it; until
    then the others have its share. A version that carries something is not asked: the way back
    from a bad candidate depends on nobody's health.

    Args:
        planned: What the plan asks for.
        view: Envoy now.

    Returns:
        Routes whose clusters Envoy all knows.
    """
    carried = view.routes or Routes()
    usable = {cluster for cluster in view.clusters if view.is_ready(cluster)}
    usable |= carried.clusters & view.clusters.keys()
    shares = [s for s in planned.shares if (s.version, Kind.LIVE) in usable]
    if planned.shares and not shares:
        # Nobody who should have the users can have them: those who have them keep them.
        shares = [s for s in carried.shares if (s.version, Kind.LIVE) in view.clusters]
    mirror = planned.mirror
    if mirror is not None and (mirror.version, Kind.MIRROR) not in usable:
        mirror = None
    feedback = (v for v in planned.feedback if (v, Kind.FEEDBACK) in view.clusters)
    return Routes(_to_hundred(shares), mirror, tuple(feedback), planned.sticky)


def _to_hundred(shares: list[Share]) -> tuple[Share, ...]:
    """Give what is missing to the first, or make do with what there is too much of."""
    rest = 100 - sum(share.weight for share in shares)
    if not shares or rest == 0:
        return tuple(shares)
    first, *others = shares
    return (Share(first.version, first.arm, first.weight + rest), *others)


@dataclass(slots=True)
class Retirement:
    """Finds the clusters that may go.

    Attributes:
        drain: Seconds for which a cluster must have had no requests. Long enough for the last
            answers to be counted by a scrape.
    """

    drain: float
    _used: dict[Cluster, float] = field(default_factory=dict)

    def keep(
        self, published: Iterable[Cluster], wanted: Iterable[Cluster], view: RouterView, now: float
    ) -> frozenset[Cluster]:
        """Give the clusters that must still be there.

        Args:
            published: The clusters that are there.
            wanted: Those that the plan and the routes need.
            view: Envoy now.
            now: Seconds that only grow.
        """
        used = frozenset(wanted) | (view.routes or Routes()).clusters
        self._used |= dict.fromkeys(used, now)
        kept = set(used)
        for cluster in published:
            idle = now - self._used.setdefault(cluster, now)
            busy = cluster in view.clusters and view.clusters[cluster].active > 0
            if idle < self.drain or (busy and idle < self.drain + TIMEOUT):
                kept.add(cluster)
        self._used = {cluster: self._used[cluster] for cluster in kept}
        return frozenset(kept)
