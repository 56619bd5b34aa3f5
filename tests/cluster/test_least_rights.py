"""The chart gives the controller what it needs and nothing else: each verb is used, and missed.

A controller with the rights of the chart, on an API server that checks them and writes down who
asked for what, makes, mends and takes away rollouts of every kind. What it never asked for it need
not be allowed. Then each verb is taken away in turn, and what it had asked for is refused.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from headrace.controller.process import Controller, Settings
from headrace.errors import Conflict, NotFound
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.render.examples import ROLLOUT as DOCUMENT
from headrace.render.labels import ROLLOUT
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, OWNED, Kind
from tests.cluster.api_server import ApiServer, Object, api_server
from tests.cluster.charts import CONTROLLER, helm
from tests.cluster.doubles import GatewayController, Nodes, eventually
from tests.cluster.examples import EXAMPLES, FOLDER
from tests.cluster.faults import Fault, proxy_before
from tests.cluster.programs.crds import crds
from tests.cluster.seldon_operator import SeldonOperator

NAMESPACE, SYSTEM, NAME = "models", "headrace-system", "headrace"
USER = f"system:serviceaccount:{SYSTEM}:{NAME}"
ROLES = "/apis/rbac.authorization.k8s.io/v1"

ANOTHER = "somebodys"

LESS: dict[str, Any] = {
    "serving": {"backend": "Kubernetes", "autoscaling": None},
    "routing": {"provider": "None", "gateway": None, "hostnames": None, "stickiness": None},
    "monitoring": None,
    "strategy": {
        **dict.fromkeys(("canary", "shadow", "abTest", "bandit")),
        "blueGreen": {"prePromotion": {"hold": "5m"}},
    },
}
"""What makes most kinds of objects needless."""

GONE = tuple(kind for kind in OWNED if kind.optional or kind.kind.endswith("Autoscaler"))
"""Kinds of which nothing is left then."""

Right = tuple[str, str, str]
"""API group, resource with its subresource, verb."""


@dataclass(frozen=True)
class Scene:
    """A controller that has done everything that it ever does.

    Attributes:
        server: Checks rights.
        used: What it asked for, and was given.
        refused: What it was not given.
    """

    server: ApiServer
    used: frozenset[Right]
    refused: frozenset[Right]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("rights")
    with api_server(folder, authorization="RBAC", also=[USER]) as server:
        server.define(crds())
        for name in (NAMESPACE, SYSTEM):
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            assert server.apply(space).code == 201
        said = helm(
            *("install", NAME, CONTROLLER, "--namespace", SYSTEM),
            *("--set", "crds.install=true", "--kubeconfig", server.kubeconfig),
        )
        assert said.returncode == 0, said.stderr
        beside = folder / "proxy"
        beside.mkdir()
        live(server, beside)
        used, refused = asked(folder / "audit.log")
        yield Scene(server, used, refused)


def live(server: ApiServer, folder: Path) -> None:
    """Have the controller make, mend and take away a rollout of every example."""
    with proxy_before(server, folder) as proxy:
        config = yaml.safe_load(proxy.kubeconfig.read_text("utf-8"))
        config["users"][0]["user"] = {"token": USER}
        proxy.kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
        # Somebody else was quicker once: then it reads what was written.
        proxy.faults.append(Fault(methods=("PUT",), code=409, times=2))
        cluster = Cluster.connect(str(proxy.kubeconfig))
        with controller(cluster):
            admin = Cluster.connect(str(server.kubeconfig))
            for version in ("0", "1"):
                # The first one never comes up, and makes room for the second.
                for example in EXAMPLES:
                    admin.apply(of_example(example, version))
                eventually(lambda: all(made(admin, kind) for kind in OWNED))
            eventually(lambda: play(admin) and are_live(admin))
            for kind in OWNED:
                unlabel(server, admin, kind)
            eventually(lambda: play(admin) and all(not unlabelled(admin, k) for k in OWNED))
            for example in EXAMPLES:
                admin.patch(MODEL_ROLLOUT, NAMESPACE, example, {"spec": LESS})
            eventually(lambda: play(admin) and not any(made(admin, k) for k in GONE))
            for each in admin.list(MODEL_ROLLOUT, NAMESPACE)[0]:
                metadata = each["metadata"]
                admin.delete(MODEL_ROLLOUT, NAMESPACE, metadata["name"], metadata["uid"])
            eventually(lambda: not admin.list(MODEL_ROLLOUT, NAMESPACE)[0])


def are_live(admin: Cluster) -> bool:
    """Tell whether the second versions are, and nothing is left of the first ones."""
    found = admin.list(MODEL_ROLLOUT, NAMESPACE)[0]
    phases = {each.get("status", {}).get("phase") for each in found}
    first = (admin.list(kind, NAMESPACE, "headrace.dev/version=0")[0] for kind in OWNED)
    return phases == {"Healthy"} and not any(first)


@contextlib.contextmanager
def controller(cluster: Cluster) -> Iterator[None]:

    settings = Settings("one", (), (SYSTEM, NAME), host="127.0.0.1", port=0)
    # Nothing is ever under test, so that nobody asks it.
    one = Controller(cluster, PrometheusMetrics("http://127.0.0.1:1"), settings)
    thread = threading.Thread(target=one.run, name="controller")
    thread.start()
    try:
        yield
    finally:
        one.stop()
        thread.join(300)


def of_example(example: str, version: str) -> Object:
    document = yaml.safe_load((FOLDER / example / DOCUMENT).read_text("utf-8"))
    document["metadata"] = {"name": example, "namespace": NAMESPACE}
    document["spec"].pop("challengers", None)  # nothing is to be tested, only made
    document["spec"]["model"] |= {"version": version, "digest": f"sha256:{version * 64}"}
    return dict(document)


def play(admin: Cluster) -> bool:
    with contextlib.suppress(Conflict, NotFound):  # the controller writes, too
        Nodes(admin, NAMESPACE).run()
        GatewayController(admin, NAMESPACE).take()
        SeldonOperator(admin, NAMESPACE).reconcile()
    return True


def made(admin: Cluster, kind: Kind) -> list[Object]:
    """Give what the controller has made; the Seldon operator's own is another's."""
    return [
        each
        for each in admin.list(kind, NAMESPACE)[0]
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "headrace"
    ]


def unlabel(server: ApiServer, admin: Cluster, kind: Kind) -> None:
    """Change the label by which it finds its own, as a person does by mistake."""
    for each in made(admin, kind):
        changed = {"metadata": {"labels": {ROLLOUT: ANOTHER}}}
        path = f"{kind.path(NAMESPACE, each['metadata']['name'])}?fieldManager=ada"
        assert server.ask("PATCH", path, changed, "merge").code == 200


def unlabelled(admin: Cluster, kind: Kind) -> list[Object]:
    found = made(admin, kind)
    return [each for each in found if each["metadata"]["labels"][ROLLOUT] == ANOTHER]


def asked(log: Path) -> tuple[frozenset[Right], frozenset[Right]]:
    """Read what was asked for, from what the API server has written down."""
    used: set[Right] = set()
    refused: set[Right] = set()
    for line in log.read_text("utf-8").splitlines():
        event = json.loads(line)
        about = event.get("objectRef")
        if event["user"]["username"] != USER or about is None:
            continue
        resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
        code = event.get("responseStatus", {}).get("code", 0)
        right = (about.get("apiGroup", ""), resource, event["verb"])
        (refused if code == 403 else used).add(right)
        if event["verb"] == "patch" and code == 201:
            # What is applied and is not there is made.
            used.add((*right[:2], "create"))
    return frozenset(used), frozenset(refused)


def roles(server: ApiServer) -> dict[str, list[dict[str, Any]]]:
    """Give the rules that the controller has, by the path of what has them."""
    paths = (
        f"{ROLES}/clusterroles/{NAME}",
        f"{ROLES}/namespaces/{SYSTEM}/roles/{NAME}-lease",
    )
    return {path: server.ask("GET", path).body["rules"] for path in paths}


def rights_of(rule: dict[str, Any]) -> set[Right]:
    return {
        (group, resource, verb)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_it_has_every_right_that_it_uses(scene: Scene) -> None:
    assert scene.refused == frozenset()


def test_it_uses_every_right_that_it_has(scene: Scene) -> None:
    rules = [rule for each in roles(scene.server).values() for rule in each]
    granted = {right for rule in rules for right in rights_of(rule)}
    assert "*" not in {part for right in granted for part in right}
    assert sorted(granted - scene.used) == []


def test_without_any_one_of_them_something_that_it_did_is_refused(scene: Scene) -> None:
    tried = 0
    with requests.Session() as session:
        session.trust_env = False
        session.verify = scene.server.session.verify
        session.headers["Authorization"] = f"Bearer {USER}"
        for path, rules in roles(scene.server).items():
            for right in sorted({right for rule in rules for right in rights_of(rule)}):
                answer = scene.server.ask("PATCH", path, {"rules": without(rules, right)}, "merge")
                assert answer.code == 200, answer.message
                until = time.monotonic() + 300
                while (said := again(scene.server, session, right)).status_code != 403:
                    assert time.monotonic() < until, f"{right} is given by something else"
                    time.sleep(0.01)
                group, resource, verb = right
                told = f'cannot {verb} resource "{resource}" in API group "{group}"'
                assert told in said.json()["message"]
                tried += 1
            assert scene.server.ask("PATCH", path, {"rules": rules}, "merge").code == 200
    assert tried > 60


def without(rules: list[dict[str, Any]], right: Right) -> list[dict[str, Any]]:
    """Give rules as they are but for one verb of one resource."""
    kept = []
    for rule in rules:
        for resource in rule["resources"]:
            group = rule["apiGroups"][0]
            verbs = [verb for verb in rule["verbs"] if (group, resource, verb) != right]
            if verbs:
                kept.append({**rule, "resources": [resource], "verbs": verbs})
    return kept


METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}


def again(server: ApiServer, session: requests.Session, right: Right) -> requests.Response:
    """Ask once more for what it had asked for; rights are looked at before anything else."""
    group, resource, verb = right
    plural, _, subresource = resource.partition("/")
    version = (
        server.ask("GET", f"/apis/{group}").body["preferredVersion"]["version"] if group else "v1"
    )
    namespace, name = (SYSTEM, NAME) if plural == "leases" else (NAMESPACE, "absent")
    kind = Kind(f"{group}/{version}" if group else version, "", plural)
    path = kind.path(namespace, "" if verb in ("list", "watch", "create") else name, subresource)
    return session.request(
        METHODS.get(verb, "GET"),
        f"{server.url}{path}",
        params={"watch": "1", "timeoutSeconds": "1"} if verb == "watch" else {},
        json={} if verb in METHODS else None,
        headers={"Content-Type": "application/merge-patch+json"} if verb == "patch" else {},
        timeout=300,
    )
