"""The controller's rights, as an API server that checks them has it: enough, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from tests.cluster.api_server import ApiServer, Object, api_server
from tests.cluster.charts import CONTROLLER, ROLLOUT_VALUES, helm
from tests.cluster.examples import EXAMPLES, golden, into
from tests.cluster.programs.crds import crds

ROLLOUTS = "/apis/headrace.dev/v1alpha1/namespaces/{}/modelrollouts"
EVERYWHERE, IN_SOME = "everywhere", "in-some"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Give one that has two controllers: one for all namespaces, one for `a` only."""
    with api_server(tmp_path_factory.mktemp("kubernetes"), authorization="RBAC") as running:
        running.define(crds())
        for name in ("a", "b"):
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            assert running.apply(space).code == 201
        for release, settings in (
            (EVERYWHERE, "crds.install=true"),
            (IN_SOME, "crds.install=false,namespaces={a}"),
        ):
            said = helm(
                *("install", release, CONTROLLER, "--set", settings, "--create-namespace"),
                *("--namespace", release, "--kubeconfig", running.kubeconfig),
            )
            assert said.returncode == 0, said.stderr
        yield running


@contextmanager
def acting(server: ApiServer, release: str) -> Iterator[ApiServer]:
    """Ask as a release's ServiceAccount, as its pods do."""
    name = f"{release}-headrace"
    server.session.headers["Impersonate-User"] = f"system:serviceaccount:{release}:{name}"
    try:
        yield server
    finally:
        del server.session.headers["Impersonate-User"]


def rollout(namespace: str) -> Object:
    return {
        "apiVersion": "headrace.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "flights", "namespace": namespace},
        "spec": yaml.safe_load(ROLLOUT_VALUES.read_text("utf-8")),
    }


@pytest.mark.parametrize("release", [EVERYWHERE, IN_SOME])
@pytest.mark.parametrize("example", EXAMPLES)
def test_it_may_apply_list_and_delete_what_a_rollout_is_rendered_to(
    server: ApiServer, release: str, example: str
) -> None:
    with acting(server, release):
        for rendered in golden(example)["first"].objects.values():
            manifest = into("a", rendered)
            path = server.path(manifest)
            answer = server.apply(manifest)
            assert answer.code in (200, 201), answer.message
            assert server.ask("GET", path).code == 200
            assert server.ask("GET", path.rpartition("/")[0]).code == 200
            assert server.ask("DELETE", path).code == 200


@pytest.mark.parametrize("release", [EVERYWHERE, IN_SOME])
def test_it_may_say_what_it_did_and_nothing_about_what_should_be(
    server: ApiServer, release: str
) -> None:
    path = f"{ROLLOUTS.format('a')}/flights"
    assert server.apply(rollout("a")).code in (200, 201)
    with acting(server, release):
        found = server.ask("GET", path).body
        held = {"metadata": {"finalizers": ["headrace.dev/rollout"]}}
        found = server.ask("PATCH", path, held, "merge").body
        found["status"] = {"phase": "Idle"}
        assert server.ask("PUT", f"{path}/status", found).code == 200
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": "flights-", "namespace": "a"},
            "involvedObject": {"kind": "ModelRollout", "name": "flights", "namespace": "a"},
            "reason": "Advanced",
            "message": "x",
            "type": "Normal",
        }
        assert server.ask("POST", "/api/v1/namespaces/a/events", event).code == 201
        assert server.ask("DELETE", path).code == 403
        assert server.ask("POST", ROLLOUTS.format("a"), rollout("a")).code == 403
        assert server.ask("GET", "/api/v1/namespaces/a/secrets").code == 403
        assert server.ask("GET", "/api/v1/nodes").code == 403
        assert server.ask("GET", "/api/v1/namespaces/a/pods").code == 200
        assert server.ask("DELETE", "/api/v1/namespaces/a/pods/x").code == 403
    assert server.ask("PATCH", path, {"metadata": {"finalizers": []}}, "merge").code == 200


def test_a_controller_of_some_namespaces_has_no_right_elsewhere(server: ApiServer) -> None:
    with acting(server, IN_SOME):
        assert server.ask("GET", ROLLOUTS.format("a")).code == 200
        assert server.ask("GET", ROLLOUTS.format("b")).code == 403
        assert server.ask("GET", "/apis/headrace.dev/v1alpha1/modelrollouts").code == 403
        assert server.ask("GET", "/apis/apps/v1/namespaces/b/deployments").code == 403
    with acting(server, EVERYWHERE):
        assert server.ask("GET", "/apis/headrace.dev/v1alpha1/modelrollouts").code == 200


@pytest.mark.parametrize("release", [EVERYWHERE, IN_SOME])
def test_it_has_its_own_lease_and_no_other(server: ApiServer, release: str) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
    own = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": f"{release}-headrace"},
    }
    with acting(server, release):
        assert server.ask("POST", leases.format(release), own).code == 201
        path = f"{leases.format(release)}/{release}-headrace"
        found = server.ask("GET", path).body
        found["spec"] = {"holderIdentity": "me"}
        assert server.ask("PUT", path, found).code == 200
        assert server.ask("GET", f"{leases.format(release)}/other").code == 403
        assert server.ask("GET", f"{leases.format('kube-system')}/other").code == 403
        assert server.ask("POST", leases.format("a"), own).code == 403


def test_those_who_edit_in_a_namespace_may_do_so_with_rollouts(server: ApiServer) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles/"
    for name, wanted in (("view", "to-view"), ("edit", "to-edit")):
        labels = server.ask("GET", f"{roles}{EVERYWHERE}-headrace-{name}").body["metadata"][
            "labels"
        ]
        assert labels[f"rbac.authorization.k8s.io/aggregate-{wanted}"] == "true"
