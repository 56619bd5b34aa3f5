"""Whatever happens, in whatever order: no route leads nowhere, and in the end all is in place.

A cluster in memory has the part of the API server, of the gateway and of those who edit by hand. It
watches the invariants at every single write.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections import deque
from collections.abc import Mapping
from typing import Any, cast

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headrace.api import ModelRollout, Traffic
from headrace.api.rollout import Metadata
from headrace.engine.plan import Plan
from headrace.errors import Conflict, NotFound, PlatformUnavailable
from headrace.render.labels import ROLLOUT
from headrace.runtime.kubernetes.answers import NoAnswer
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import (
    HTTP_ROUTE,
    OWNED,
    ROUTES,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
    kind_of,
)
from headrace.runtime.kubernetes.pieces import manifests_of
from headrace.runtime.kubernetes.platform import KubernetesPlatform
from headrace.runtime.kubernetes.routes import read_route
from headrace.runtime.kubernetes.takeover import GRACE
from headrace.testing import FakeClock
from tests.unit.render.rollouts import built, model

UID = "3b1f"
Object = dict[str, Any]
Key = tuple[str, str]
KINDS = {kind.kind: kind for kind in OWNED}

MODELS = {version: model(version) for version in "5678"}


LAG = GRACE - 0.01
"""Seconds after which the proxies of a mesh, which never says so, have heard of a route."""


def rollout(router: str) -> ModelRollout:
    made = built(router=router)
    metadata = Metadata.model_validate({**made.metadata.model_dump(), "uid": UID})
    return made.model_copy(update={"metadata": metadata})


class ClusterInMemory:
    """Keeps objects, their versions and who has their fields, as an API server does."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.written: deque[tuple[float, Object]] = deque()
        self.objects: dict[Key, Object] = {}
        self.events: deque[tuple[str, Object]] = deque()
        self.gateway: Object | None = None
        self.requests = 0
        self.fails: str = ""
        self.sabotaged: set[str] = set()
        self._versions = itertools.count(1)

    def apply(
        self,
        manifest: Mapping[str, Any],
        *,
        force: bool = True,
        dry_run: bool = False,
        manager: str = "headrace",
    ) -> Object:
        self.requests += 1
        if self.fails == "before":
            raise NoAnswer("the API server is away")
        key = (manifest["kind"], manifest["metadata"]["name"])
        before = self.objects.get(key)
        if before is not None and not force and _foreign(before):
            raise Conflict(f"{key} has another manager")
        if kind_of(manifest) in ROUTES:
            self._require_services(manifest)
        written = copy.deepcopy(dict(manifest))
        known = {} if before is None else before["metadata"]
        same = before is not None and before.get("spec") == written.get("spec")
        written["metadata"] |= {
            "uid": known.get("uid", f"uid-{next(self._versions)}"),
            "generation": known.get("generation", 0) + (0 if same else 1),
            "managedFields": [_fields(written)],
        }
        if before is not None and "status" in before:
            written["status"] = before["status"]
        self._store(key, written)
        if self.fails == "after":
            raise NoAnswer("the answer was lost")
        return copy.deepcopy(written)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        self.requests += 1
        return copy.deepcopy(self.objects.get((kind.kind, name)))

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        self.requests += 1
        if self.fails == "before":
            raise NoAnswer("the API server is away")
        found = self.objects.get((kind.kind, name))
        if found is None:
            raise NotFound(name)
        if found["metadata"]["uid"] != uid:
            raise Conflict(name)
        if kind == SERVICE:
            assert name not in self.routed() - self.sabotaged, (
                f"{name} was deleted while requests go there"
            )
        self.remove((kind.kind, name))
        if self.fails == "after":
            raise NoAnswer("the answer was lost")

    def remove(self, key: Key) -> None:
        """Delete an object; also done by hand."""
        gone = self.objects.pop(key)
        gone["metadata"]["resourceVersion"] = str(next(self._versions))
        self.events.append(("DELETED", copy.deepcopy(gone)))

    def edit(self, key: Key) -> None:
        """Have somebody change an object by hand."""
        found = self.objects[key]
        found["spec"] = {**found.get("spec", {}), "edited": next(self._versions)}
        found["metadata"]["generation"] += 1
        theirs = {"manager": "ada", "operation": "Update", "fieldsV1": {"f:spec": {}}}
        ours = {"manager": "headrace", "operation": "Apply", "fieldsV1": {"f:metadata": {}}}
        found["metadata"]["managedFields"] = [ours, theirs]
        self._store(key, found)

    def take_over(self) -> None:
        """Have the gateway route as the HTTPRoute says, and say so."""
        for key, found in self.objects.items():
            if key[0] == HTTP_ROUTE.kind:
                condition = {
                    "type": "Accepted",
                    "status": "True",
                    "observedGeneration": found["metadata"]["generation"],
                }
                (parent,) = found["spec"]["parentRefs"]
                status = {"parents": [{"parentRef": parent, "conditions": [condition]}]}
                if found.get("status") == status:
                    continue
                found["status"] = status
                self._store(key, found)
                self.gateway = copy.deepcopy(found)

    def time_goes_by(self) -> None:
        """Have the proxies of the mesh hear of what was written long enough ago."""
        while self.written and self.written[0][0] <= self.clock.now - LAG:
            _, self.gateway = self.written.popleft()

    def routed(self) -> frozenset[str]:
        """Name the Services that requests may go to."""
        routes = [found for found in self.objects.values() if kind_of(found) in ROUTES]
        routes += [] if self.gateway is None or not routes else [self.gateway]
        states = [read_route(kind_of(route), route) for route in routes]
        return frozenset(name for state in states if state is not None for name in state.services)

    def _require_services(self, route: Mapping[str, Any]) -> None:
        state = read_route(kind_of(route), route)
        assert state is not None
        before = self.routed()
        for name in state.services - before - self.sabotaged:
            assert (SERVICE.kind, name) in self.objects, f"a route leads to {name}, which is not"

    def _store(self, key: Key, written: Object) -> None:
        written["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[key] = written
        if key[0] == VIRTUAL_SERVICE.kind:
            self.written.append((self.clock.now, copy.deepcopy(written)))
        self.events.append(("MODIFIED", copy.deepcopy(written)))


def _fields(written: Object) -> Object:
    parts = [name for name in written if name not in ("apiVersion", "kind", "status")]
    named: dict[str, Any] = {f"f:{name}": {} for name in parts}
    return {"manager": "headrace", "operation": "Apply", "fieldsV1": named}


def _foreign(found: Object) -> bool:
    return any(each["manager"] != "headrace" for each in found["metadata"]["managedFields"])


def plan_of(stable: str, candidate: str | None, weight: int) -> Plan:
    if candidate is None or candidate == stable:
        return Plan(MODELS[stable], None, Traffic(stable=100))
    traffic = Traffic(stable=100 - weight, candidate=weight)
    return Plan(MODELS[stable], MODELS[candidate], traffic)


class Controllers(RuleBasedStateMachine):
    """Any order of ticks, plans, deaths, faults and edits."""

    router = "GatewayAPI"

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.cluster = ClusterInMemory(self.clock)
        self.rollout = rollout(self.router)
        self.plan = plan_of("6", None, 0)
        self.start()

    def start(self) -> None:
        """Start a process, which lists everything."""
        cluster = cast(Cluster, self.cluster)
        self.cache = Cache(cluster, kinds=())
        self.platform = KubernetesPlatform(cluster, self.cache, clock=self.clock)
        self.cluster.events.clear()
        for found in self.cluster.objects.values():
            self.cache.put(kind_of(found), copy.deepcopy(found))

    @rule()
    def dies_and_is_started_again(self) -> None:
        self.start()

    @rule(stable=st.sampled_from("56"), candidate=st.sampled_from([*"78", None]))
    def wants(self, stable: str, candidate: str | None) -> None:
        weight = 0
        self.plan = plan_of(stable, candidate, weight)

    @rule(weight=st.sampled_from([0, 5, 100]))
    def moves_traffic(self, weight: int) -> None:
        stable, candidate = self.plan.stable, self.plan.candidate
        assert stable is not None
        self.plan = plan_of(stable.version, candidate.version if candidate else None, weight)

    @rule(seconds=st.sampled_from([0.5, 15.0]))
    def ticks(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.cluster.time_goes_by()
        with contextlib.suppress(PlatformUnavailable):
            self.platform.apply(self.rollout, self.plan)

    @rule(count=st.integers(1, 30))
    def watch_brings(self, count: int) -> None:
        for _ in range(min(count, len(self.cluster.events))):
            change, thing = self.cluster.events.popleft()
            tell = self.cache.drop if change == "DELETED" else self.cache.put
            tell(KINDS[thing["kind"]], thing)

    @rule()
    def gateway_takes_over(self) -> None:
        self.cluster.take_over()

    @rule(fails=st.sampled_from(["", "before", "after"]))
    def api_server_fails(self, fails: str) -> None:
        self.cluster.fails = fails

    @precondition(lambda self: self.cluster.objects)
    @rule(data=st.data())
    def somebody_edits(self, data: st.DataObject) -> None:
        self.cluster.edit(data.draw(st.sampled_from(sorted(self.cluster.objects))))

    @precondition(lambda self: self.cluster.objects)
    @rule(data=st.data())
    def somebody_deletes(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.cluster.objects)))
        # Requests that went there fail, whatever Headrace does.
        self.cluster.sabotaged.add(key[1])
        self.cluster.remove(key)

    @invariant()
    def everything_is_labelled(self) -> None:
        for found in self.cluster.objects.values():
            assert found["metadata"]["labels"][ROLLOUT] == "flight-delay"

    def teardown(self) -> None:
        self.cluster.fails = ""
        for _ in range(60):
            self.ticks(601.0)
            self.cluster.take_over()
            self.watch_brings(10_000)
        rendered = manifests_of(self.rollout, self.plan)
        wanted = {(each["kind"], each["metadata"]["name"]): each for each in rendered}
        assert set(self.cluster.objects) == set(wanted)
        for key, manifest in wanted.items():
            assert self.cluster.objects[key].get("spec") == manifest.get("spec"), key
        assert self.platform.settled(self.rollout, self.plan)
        before = self.cluster.requests
        self.ticks(15.0)
        assert self.cluster.requests == before


def test_what_may_have_been_written_is_not_taken_for_what_was_there_before() -> None:
    """An answer is lost, and the plan is again what the last answer was to."""
    state = Controllers()
    state.wants(stable="5", candidate=None)
    state.ticks(0.5)
    state.gateway_takes_over()
    state.watch_brings(100)
    state.wants(stable="6", candidate=None)
    state.ticks(0.5)
    state.api_server_fails("after")
    state.gateway_takes_over()
    state.watch_brings(100)
    state.wants(stable="5", candidate=None)
    state.ticks(0.5)
    state.gateway_takes_over()
    state.wants(stable="6", candidate=None)
    state.teardown()


def test_what_may_have_been_deleted_is_made_again_before_a_route_leads_there() -> None:
    state = Controllers()
    state.wants(stable="5", candidate="7")
    state.ticks(0.5)
    state.wants(stable="5", candidate=None)
    state.ticks(0.5)
    state.gateway_takes_over()
    state.watch_brings(100)
    state.api_server_fails("after")
    while any(kind == SERVICE.kind and "-7-" in name for kind, name in state.cluster.objects):
        state.ticks(0.5)
    state.api_server_fails("")
    state.wants(stable="5", candidate="7")
    state.ticks(0.5)
    state.teardown()


class ControllersOfMesh(Controllers):
    """The same with a router that never says what it has taken over."""

    router = "Istio"


_SEARCH = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
)

TestControllers = Controllers.TestCase
TestControllers.settings = _SEARCH

TestControllersOfMesh = ControllersOfMesh.TestCase
TestControllersOfMesh.settings = _SEARCH
