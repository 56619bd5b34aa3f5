"""Whatever happens between the controller and the API server, nothing is lost and nothing twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.engine.plan import Plan
from headrace.errors import Conflict, NotFound, PermanentError, PlatformUnavailable
from headrace.runtime.kubernetes.cache import STALE, Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, OWNED, SERVICE
from headrace.runtime.kubernetes.platform import KubernetesPlatform
from headrace.runtime.kubernetes.routes import read_route
from headrace.testing import FakeClock
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.faults import Fault, Proxy, proxy_before
from tests.cluster.scenes import ALONE, STABLE, Scene, platform_of, split

WRITES = ("PATCH", "POST", "PUT", "DELETE")


@pytest.fixture
def proxy(server: ApiServer, tmp_path: Path) -> Iterator[Proxy]:
    with proxy_before(server, tmp_path) as running:
        yield running


class Controller:
    """A process of the controller, as far as the platform goes, behind the proxy."""

    def __init__(self, proxy: Proxy, scene: Scene, timeout: float = 5.0) -> None:
        self.clock = FakeClock()
        self.cluster = Cluster.connect(str(proxy.kubeconfig), timeout=timeout)
        namespace = scene.rollout.metadata.namespace
        self.cache = Cache(self.cluster, [namespace], clock=self.clock)
        self.platform = KubernetesPlatform(self.cluster, self.cache, clock=self.clock)
        self.rollout = scene.rollout
        self.gateways = scene.gateways

    def settle(self, plan: Plan) -> None:
        """Apply until all is in place, as ticks do, whatever happens meanwhile."""

        def is_settled() -> bool:
            self.clock.advance(10)
            with contextlib.suppress(Conflict):  # a request that took long has just arrived
                self.gateways.take()
            with contextlib.suppress(PlatformUnavailable):
                self.platform.apply(self.rollout, plan)
            return self.platform.settled(self.rollout, plan)

        eventually(is_settled)


@contextlib.contextmanager
def controller(proxy: Proxy, scene: Scene, **fields: Any) -> Iterator[Controller]:
    running = Controller(proxy, scene, **fields)
    running.cache.start()
    try:
        assert running.cache.wait(300)
        yield running
    finally:
        running.cache.stop()
        running.cluster.close()


def objects(scene: Scene) -> dict[tuple[str, str], str]:
    """Give the digest of everything that the rollout owns."""
    found = {}
    for kind in OWNED:
        for each in scene.cluster.list(kind, scene.rollout.metadata.namespace)[0]:
            metadata = each["metadata"]
            if metadata.get("ownerReferences"):
                digest = metadata["annotations"]["headrace.dev/applied"]
                found[kind.kind, metadata["name"]] = digest
    return found


def test_what_changes_while_the_watch_is_cut_is_seen(scene: Scene, proxy: Proxy) -> None:
    with controller(proxy, scene) as running:
        running.settle(ALONE)
        running.rollout = running.rollout.model_copy(
            update={"status": running.rollout.status.model_copy(update={"stable": STABLE})}
        )
        proxy.go_away()
        scene.nodes.run()
        proxy.come_back()
        eventually(lambda: running.platform.observe(running.rollout).versions["6"].ready == 1)


def test_a_watch_whose_place_is_forgotten_begins_anew(scene: Scene, proxy: Proxy) -> None:
    with controller(proxy, scene) as running:
        running.settle(ALONE)
        proxy.faults.append(Fault(watches=True, code=410, times=20))
        proxy.go_away()
        namespace = scene.rollout.metadata.namespace
        for each in scene.cluster.list(SERVICE, namespace)[0]:
            metadata = each["metadata"]
            scene.cluster.delete(SERVICE, namespace, metadata["name"], metadata["uid"])
        proxy.come_back()
        key = running.rollout.key
        eventually(lambda: all(kind != "Service" for kind, _ in running.cache.children(key)))
        running.settle(ALONE)
        assert len(scene.names(SERVICE)) == 1
        reasons = [reason for reason, _ in running.platform.notes(key)]
        assert reasons == ["DeletionUndone"]


def test_while_the_api_server_is_away_the_last_look_holds_for_a_while(
    scene: Scene, proxy: Proxy
) -> None:
    with controller(proxy, scene) as running:
        running.settle(ALONE)
        eventually(lambda: running.platform.observe(running.rollout).traffic is not None)
        before = running.platform.observe(running.rollout)
        proxy.go_away()
        with pytest.raises(PlatformUnavailable, match="did not answer"):
            running.platform.apply(running.rollout, split(5))
        assert running.platform.observe(running.rollout) == before
        eventually(lambda: any(watcher.trouble for watcher in running.cache.watchers))
        running.clock.advance(STALE + 1)
        with pytest.raises(PlatformUnavailable, match="is not known"):
            running.platform.observe(running.rollout)
        proxy.come_back()
        running.settle(split(5))
        assert running.platform.notes(running.rollout.key) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(WRITES, code=500, times=3, after=2),
        Fault(WRITES, code=429, headers={"Retry-After": "1"}, times=3, after=2),
        Fault(WRITES, code=409, times=3, after=2),
        Fault(WRITES, lost=True, times=3, after=2),
        Fault(WRITES, delay=1.5, times=2, after=2),
    ],
    ids=["500", "429", "409", "answers are lost", "slow"],
)
def test_a_plan_is_carried_out_in_the_end(scene: Scene, proxy: Proxy, fault: Fault) -> None:
    with controller(proxy, scene, timeout=1.0) as running:
        proxy.faults.append(fault)
        running.settle(split(5))
        running.settle(ALONE)
        assert fault.met == fault.times
        made = objects(scene)
    scene.settle(ALONE)
    assert objects(scene) == made


def route(scene: Scene) -> dict[str, int]:
    """Give the weights that a route has, by destination."""
    (found,), _ = scene.cluster.list(HTTP_ROUTE, scene.rollout.metadata.namespace)
    state = read_route(HTTP_ROUTE, found)
    assert state is not None
    return dict(state.weights)


def test_users_are_taken_back_and_nothing_else_is_done(scene: Scene, proxy: Proxy) -> None:
    with controller(proxy, scene) as running:
        running.settle(split(5))
        namespace = scene.rollout.metadata.namespace
        for each in scene.cluster.list(DEPLOYMENT, namespace)[0]:
            metadata = each["metadata"]
            scene.cluster.delete(DEPLOYMENT, namespace, metadata["name"], metadata["uid"])
        key = running.rollout.key
        eventually(lambda: all(kind != "Deployment" for kind, _ in running.cache.children(key)))
        running.platform.take_back(running.rollout, split(0))
        assert list(route(scene).values()) == [100]
        assert not scene.names(DEPLOYMENT)
        running.settle(split(0))
        assert len(scene.names(DEPLOYMENT)) == 2


def test_users_whom_another_controller_has_moved_meanwhile_are_left_to_it(
    scene: Scene, proxy: Proxy
) -> None:
    with controller(proxy, scene) as running:
        running.settle(split(5))
        running.cache.stop()
        with platform_of(scene.server, scene.rollout.metadata.namespace) as (_, _, another):
            another.apply(scene.rollout, split(100))
        moved = route(scene)
        with pytest.raises(PlatformUnavailable, match="has been modified"):
            running.platform.take_back(running.rollout, split(0))
        assert route(scene) == moved


def test_a_server_that_is_busy_says_for_how_long(scene: Scene, proxy: Proxy) -> None:
    with controller(proxy, scene) as running:
        proxy.faults.append(Fault(WRITES, code=429, headers={"Retry-After": "7"}))
        with pytest.raises(PlatformUnavailable) as caught:
            running.platform.apply(running.rollout, ALONE)
        assert caught.value.retry_after == 7


def test_killed_after_any_of_its_writes_the_next_process_ends_in_the_same_place(
    scene: Scene, proxy: Proxy
) -> None:
    plans = (ALONE, split(0), split(5), ALONE)
    with controller(proxy, scene) as running:
        for plan in plans:
            running.settle(plan)
    expected = objects(scene)
    for written in range(12):
        for _, name in list(expected):
            _remove_all(scene, name)
        proxy.faults[:] = [Fault(WRITES, lost=True, after=written)]
        reached = 0
        with controller(proxy, scene) as running:
            for plan in plans:
                with contextlib.suppress(PlatformUnavailable):
                    running.platform.apply(running.rollout, plan)
                    reached += 1
                    continue
                break
        proxy.faults.clear()
        with controller(proxy, scene) as again:
            for plan in plans[reached:]:
                again.settle(plan)
            assert objects(scene) == expected, f"killed after {written} writes"
            assert again.platform.notes(scene.rollout.key) == []


def _remove_all(scene: Scene, name: str) -> None:
    namespace = scene.rollout.metadata.namespace
    for kind in OWNED:
        found = scene.cluster.get(kind, namespace, name)
        if found is not None:
            scene.cluster.delete(kind, namespace, name, found["metadata"]["uid"])


def test_errors_of_the_api_server_are_told_in_its_words(scene: Scene, proxy: Proxy) -> None:
    cluster = Cluster.connect(str(proxy.kubeconfig))
    namespace = scene.rollout.metadata.namespace
    broken = {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": "Deployment",
        "metadata": {"name": "broken", "namespace": namespace},
        "spec": {"replicas": -1},
    }
    with pytest.raises(PermanentError, match=r"refused to patch the Deployment.*replicas"):
        cluster.apply(broken)
    with pytest.raises(NotFound, match="nowhere"):
        cluster.apply({**broken, "metadata": {"name": "a", "namespace": "nowhere"}})
    proxy.faults.append(Fault(code=403))
    with pytest.raises(PermanentError, match="may not list deployments"):
        cluster.list(DEPLOYMENT, namespace)
    cluster.close()


def test_without_a_permission_the_kind_is_named(scene: Scene, proxy: Proxy) -> None:
    proxy.faults.append(Fault(code=403))
    running = Controller(proxy, scene)
    running.cache.start()
    try:
        eventually(lambda: HTTP_ROUTE in running.cache.absent())
        eventually(lambda: all(w.trouble or w.absent for w in running.cache.watchers))
        with pytest.raises(PlatformUnavailable, match="may not list modelrollouts"):
            running.cache.require()
    finally:
        running.cache.stop()
        running.cluster.close()


def test_a_permission_that_is_lost_for_a_while_makes_nothing_disappear(
    scene: Scene, proxy: Proxy
) -> None:
    with controller(proxy, scene) as running:
        running.settle(ALONE)
        key = running.rollout.key
        before = set(running.cache.children(key))
        proxy.faults += [Fault(watches=True, code=403), Fault(code=403)]
        proxy.cut()
        eventually(lambda: all("may not" in each.trouble for each in running.cache.watchers))
        assert not running.cache.absent()
        assert set(running.cache.children(key)) == before
        running.clock.advance(STALE + 1)
        with pytest.raises(PlatformUnavailable, match="may not"):
            running.platform.observe(running.rollout)
        proxy.faults.clear()
        eventually(lambda: not any(watcher.trouble for watcher in running.cache.watchers))
        running.settle(ALONE)
        assert running.platform.notes(key) == []
