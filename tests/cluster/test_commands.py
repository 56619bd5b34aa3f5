"""The commands against a real API server, and as a plugin of a real kubectl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from headrace.api import Phase
from headrace.cli.main import cli
from headrace.controller.kept import ASK, KeptRollouts, ask_of
from headrace.controller.resources import Resource, Unreadable
from headrace.controller.store import RolloutStore
from headrace.engine.observations import Wish
from headrace.engine.suspension import invalid, valid_again
from headrace.errors import InvalidInput
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.programs.catalogue import program
from tests.local.registry.test_registry import bundle
from tests.unit.engine.rollouts import World, live, rollout


@dataclass
class Kept:
    """A rollout in a namespace of its own, and how to reach it."""

    cluster: Cluster
    namespace: str
    kubeconfig: Path
    home: Path

    def write(self, world: World, name: str = "flight-delay") -> None:
        """Put a rollout there, with its status."""
        manifest = world.rollout.model_dump(
            mode="json", exclude={"status"}, exclude_none=True, exclude_defaults=True
        )
        made = self.cluster.apply(
            {
                "apiVersion": MODEL_ROLLOUT.api_version,
                "kind": MODEL_ROLLOUT.kind,
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": manifest["spec"],
            }
        )
        generation = made["metadata"]["generation"]
        status = world.status.model_copy(update={"observed_generation": generation})
        made["status"] = status.model_dump(mode="json", exclude_defaults=True)
        self.cluster.replace_status(made)

    def read(self, name: str = "flight-delay") -> dict[str, Any]:
        found = self.cluster.get(MODEL_ROLLOUT, self.namespace, name)
        assert found is not None
        return found


Command = Callable[..., Result]


@pytest.fixture
def kept(server: ApiServer, tmp_path: Path) -> Iterator[Kept]:
    cluster = Cluster.connect(str(server.kubeconfig))
    namespace = f"people-{uuid.uuid4().hex[:8]}"
    made = server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert made.code == 201, made.message
    yield Kept(cluster, namespace, server.kubeconfig, tmp_path)
    server.ask("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
def headrace(kept: Kept) -> Command:
    environment = {
        "KUBECONFIG": str(kept.kubeconfig),
        "HEADRACE_HOME": str(kept.home),
        "COLUMNS": "140",
    }

    def run(*arguments: str, **others: str) -> Result:
        return CliRunner().invoke(cli, arguments, env=environment | others)

    return run


def trying() -> World:
    world = live(steps="[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]")
    world.want("2")
    world.until("WaitingForApproval")
    return world


def rolled_back() -> World:
    world = trying()
    world.metrics.script.candidate_errors = 0.4
    world.until("ErrorRateWorse")
    for _ in range(6):
        world.tick()
    return world


def test_the_status_of_a_rollout_in_the_cluster(kept: Kept, headrace: Command) -> None:
    kept.write(trying())
    said = headrace("status", "flight-delay", "-n", kept.namespace)
    assert said.exit_code == 0, said.output
    assert said.stderr == "headrace: in context tests\n"
    assert f"{kept.namespace}/flight-delay" in said.stdout
    assert "Paused" in said.stdout
    assert "an approval" in said.stdout
    assert "Stalled False" in said.stdout
    again = headrace("status", f"{kept.namespace}/flight-delay", "--context", "tests", "--json")
    assert json.loads(again.stdout)["status"]["phase"] == "Paused"


@pytest.mark.parametrize(
    ("typed", "wish"),
    [
        (("promote",), Wish.PROMOTE),
        (("promote", "--full"), Wish.PROMOTE_FULL),
        (("abort",), Wish.ABORT),
        (("pause",), Wish.PAUSE),
        (("resume",), Wish.RESUME),
        (("undo",), Wish.UNDO),
        (("retry",), Wish.RETRY),
    ],
    ids=str,
)
def test_a_request_reaches_the_controller_with_who_asked(
    typed: tuple[str, ...], wish: Wish, kept: Kept, headrace: Command
) -> None:
    kept.write(trying())
    before = kept.read()
    said = headrace(*typed, "-n", kept.namespace)
    assert said.exit_code == 0, said.output
    after = kept.read()
    ask = ask_of(after["metadata"]["annotations"])
    assert ask is not None
    assert ask.wish is wish
    # Whom the API server takes us for is not what anybody can claim.
    assert ask.by.endswith(" as tester")
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_two_requests_differ(kept: Kept, headrace: Command) -> None:
    kept.write(trying())
    seen = set()
    for _ in range(2):
        headrace("pause", "-n", kept.namespace)
        seen.add(json.loads(kept.read()["metadata"]["annotations"][ASK])["identity"])
    assert len(seen) == 2


def test_why_and_history_tell_the_same_as_on_a_laptop(kept: Kept, headrace: Command) -> None:
    kept.write(rolled_back())
    why = headrace("why", "-n", kept.namespace).stdout
    assert "2 rolled back at 1970-01-12" in why
    assert "the odds against chance are" in why
    history = headrace("history", "-n", kept.namespace).stdout
    assert "1 live" in history
    assert "2 rolled back" in history


def test_watch_ends_with_the_rollout_and_tells_by_its_code(kept: Kept, headrace: Command) -> None:
    kept.write(rolled_back())
    assert headrace("watch", "-n", kept.namespace).exit_code == 1
    kept.write(live())
    assert headrace("watch", "-n", kept.namespace).exit_code == 0


def test_one_of_several_must_be_named(kept: Kept, headrace: Command) -> None:
    for name in ("one", "two"):
        kept.write(trying(), name)
    said = headrace("status", "-n", kept.namespace)
    assert said.exit_code == 1
    assert "name one of: one, two" in str(said.exception)
    assert headrace("status", "two", "-n", kept.namespace).exit_code == 0


def test_a_rollout_that_is_nowhere_is_looked_for_in_both_places(
    kept: Kept, headrace: Command
) -> None:
    said = headrace("status", "absent", "-n", kept.namespace)
    assert f"There is no ModelRollout {kept.namespace}/absent in context tests." in str(
        said.exception
    )
    assert "Nor on this machine" in str(said.exception)


class TestWhereBothHaveOne:
    @pytest.fixture
    def store(self, kept: Kept) -> RolloutStore:
        kept.write(trying())
        store = RolloutStore(kept.home / kept.namespace / "flight-delay")
        store.apply(rollout("9"))
        return store

    def test_the_cluster_is_meant(self, store: RolloutStore, kept: Kept, headrace: Command) -> None:
        said = headrace("status", "flight-delay", "-n", kept.namespace)
        assert said.stderr == "headrace: in context tests\n"

    def test_the_local_one_is_meant_while_it_runs(
        self, store: RolloutStore, kept: Kept, headrace: Command
    ) -> None:
        with store.owned():
            said = headrace("status", "flight-delay", "-n", kept.namespace)
        assert said.stderr == "headrace: on this machine\n"

    def test_the_local_one_is_meant_when_that_is_said(
        self, store: RolloutStore, kept: Kept, headrace: Command
    ) -> None:
        said = headrace("status", "flight-delay", "-n", kept.namespace, "--local")
        assert said.stderr == "headrace: on this machine\n"

    def test_the_local_one_is_meant_when_the_cluster_does_not_answer(
        self, store: RolloutStore, kept: Kept, headrace: Command, tmp_path: Path
    ) -> None:
        config = yaml.safe_load(kept.kubeconfig.read_text("utf-8"))
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        away = tmp_path / "away"
        away.write_text(yaml.safe_dump(config), "utf-8")
        said = headrace("status", "flight-delay", "-n", kept.namespace, KUBECONFIG=str(away))
        assert said.stderr == "headrace: on this machine\n"
        said = headrace("status", "flight-delay", "--context", "tests", KUBECONFIG=str(away))
        assert said.exit_code == 1


def test_an_invalid_spec_is_told_with_its_faults(kept: Kept, headrace: Command) -> None:
    kept.write(trying())
    freeze = {"schedule": "0 18 * * 5", "duration": "62h", "timezone": "Europe/Vienne"}
    kept.cluster.patch(
        MODEL_ROLLOUT, kept.namespace, "flight-delay", {"spec": {"freeze": [freeze]}}
    )
    said = headrace("status", "-n", kept.namespace)
    assert said.exit_code == 1
    assert "is no time zone" in str(said.exception)


def test_kubectl_finds_the_plugin(kept: Kept) -> None:
    kept.write(trying())
    plugin = kept.home / "kubectl-headrace"
    code = "from headrace.cli.main import kubectl; kubectl()"
    plugin.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{code}' \"$@\"\n", encoding="utf-8")
    plugin.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{kept.home}{os.pathsep}{os.environ['PATH']}",
        "KUBECONFIG": str(kept.kubeconfig),
        "COLUMNS": "140",
    }

    def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program("kubectl")), "headrace", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    said = kubectl("status", "flight-delay", "-n", kept.namespace)
    assert said.returncode == 0, said.stderr
    assert "Paused" in said.stdout
    assert "\x1b" not in said.stdout
    assert kubectl("promote", "-n", kept.namespace).returncode == 0
    ask = ask_of(kept.read()["metadata"]["annotations"])
    assert ask is not None
    assert ask.wish is Wish.PROMOTE
    listed = kubectl("--help").stdout
    assert "Usage: kubectl headrace" in listed
    assert "undo" in listed
    assert "simulate" not in listed
    # A plugin never means what is kept on this machine.
    assert kubectl("status", "absent", "-n", kept.namespace).returncode == 1


def test_a_status_that_cannot_be_read_is_said_and_a_retry_may_be_asked_for(
    kept: Kept, headrace: Command
) -> None:
    kept.write(trying())
    kept.cluster.replace_status({**kept.read(), "status": {"stable": {"version": "2"}}})
    for asked in ("status", "why", "abort"):
        said = headrace(asked, "flight-delay", "-n", kept.namespace)
        assert isinstance(said.exception, InvalidInput)
        assert "status.stable.name: Field required" in str(said.exception)
        assert f"headrace retry {kept.namespace}/flight-delay" in str(said.exception)
    assert headrace("retry", "flight-delay", "-n", kept.namespace).exit_code == 0
    ask = ask_of(kept.read()["metadata"]["annotations"])
    assert ask is not None
    assert ask.wish is Wish.RETRY


def test_a_status_that_cannot_be_read_hides_no_other_rollout_from_the_lineage(
    kept: Kept, headrace: Command
) -> None:
    bundled = bundle(kept.home, "1")
    for name in ("a-broken-one", "flight-delay", "more-broken"):
        kept.write(trying(), name)
    for name in ("a-broken-one", "more-broken"):
        kept.cluster.replace_status({**kept.read(name), "status": {"stable": {"version": "2"}}})
    said = headrace("lineage", str(bundled), "-n", kept.namespace, "--json")
    assert said.exit_code == 0, said.output
    (told,) = json.loads(said.stdout)
    assert {stay["rollout"] for stay in told["rollouts"]} == {f"{kept.namespace}/flight-delay"}
    for name in ("a-broken-one", "more-broken"):
        assert f"left out: The status of {kept.namespace}/{name} cannot be read" in said.stderr


@pytest.mark.parametrize("levels", [300, 1_100, 5_000])
def test_a_rollout_that_is_nested_without_end_is_refused_and_hides_no_other(
    kept: Kept, headrace: Command, server: ApiServer, levels: int
) -> None:
    kept.write(trying())
    made = {**kept.read(), "metadata": {"name": "deep", "namespace": kept.namespace}}
    made["spec"]["serving"] = {"template": {"patches": [{"kind": "Deployment", "spec": "HERE"}]}}
    text = json.dumps(made).replace('"HERE"', '{"a":' * levels + "1" + "}" * levels)
    address = f"{server.url}{MODEL_ROLLOUT.path(kept.namespace)}"
    answer = server.session.post(address, text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = {}
    cache = Cache(kept.cluster, [kept.namespace])
    cache.start()
    try:
        assert cache.wait(60)
        found |= KeptRollouts(cache.rollouts, kept.cluster).all()
    finally:
        cache.stop()
    assert isinstance(found[f"{kept.namespace}/flight-delay"], Resource)
    deep = found[f"{kept.namespace}/deep"]
    assert isinstance(deep, Unreadable)
    assert "is nested too deeply; expected at most 50 levels" in deep.message
    assert headrace("status", "flight-delay", "-n", kept.namespace).exit_code == 0


def test_an_invalid_spec_is_said_in_the_status_and_forgotten_when_it_is_mended(kept: Kept) -> None:
    kept.write(trying())
    key = f"{kept.namespace}/flight-delay"
    resources = KeptRollouts(lambda: {key: kept.read()}, kept.cluster)
    wrong = {"schedule": "0 18 * * 5", "duration": "62h", "timezone": "Europe/Vienne"}

    def edit(*freezes: dict[str, str]) -> None:
        change = {"spec": {"freeze": list(freezes)}}
        kept.cluster.patch(MODEL_ROLLOUT, kept.namespace, "flight-delay", change)

    edit(wrong)
    found = resources.all()[key]
    assert isinstance(found, Unreadable)
    assert found.status is not None
    resources.refuse(found, invalid(found.status, found.message, found.generation, 1e9))
    status = kept.read()["status"]
    assert (status["phase"], status["interrupted"]) == ("Invalid", "Paused")
    assert status["observedGeneration"] == kept.read()["metadata"]["generation"]
    again = resources.all()[key]
    assert isinstance(again, Unreadable)
    assert again.status is not None
    # Said again it is the same, which is not worth a write.
    assert invalid(again.status, again.message, again.generation, 2e9) == again.status
    edit()
    mended = resources.all()[key]
    assert isinstance(mended, Resource)
    assert valid_again(mended.rollout.status).phase is Phase.PAUSED
