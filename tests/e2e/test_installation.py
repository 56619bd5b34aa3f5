"""Headrace by its chart, in a cluster that serves: from nothing, upgraded, tested, taken away."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cluster import get, kubectl, until
from tests.e2e.live import Live, lost
from tests.e2e.models import BETTER, FIRST

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[2]
PLACE = ("headrace", "--namespace", "headrace-system")
CHART = (str(ROOT / "helm" / "headrace"), "--values", str(ROOT / "manifests/kind/values.yaml"))
WAIT = ("--wait", "--timeout", "10m")
RATE = 10.0


def helm(*arguments: str) -> str:
    """Run Helm, which must succeed, and give what it said."""
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=700)
    assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def test_the_chart_is_upgraded_taken_away_and_installed_again_under_users(
    live: Callable[[str], Live],
) -> None:
    here = live("installed")
    here.go_live(steps=[{"weight": 50, "hold": "4s"}])
    stable = here.pods(FIRST)
    with here.users(RATE) as ledger:
        helm("upgrade", *PLACE, *CHART, "--set", "replicas=2,log.level=debug", *WAIT)
        assert ready_controllers() == 2
        assert "Succeeded" in helm("test", *PLACE, "--timeout", "10m")

        helm("uninstall", *PLACE, *WAIT)
        kubectl("delete", "namespace", "headrace-system", "--timeout=300s")
        until(lambda: not owned_by_the_release(), "what the release had is gone")
        assert here.status()["phase"] == "Healthy", "the definition and the rollouts stay"
        assert here.pods(FIRST) == stable
        line = kubectl("get", "mr", here.name, "--namespace=models").splitlines()[1]
        assert {"Healthy", FIRST} <= set(line.split())

        here.ask_for(BETTER, steps=[{"weight": 50, "hold": "4s"}])
        helm("upgrade", "--install", *PLACE, "--create-namespace", *CHART, *WAIT)
        assert "Succeeded" in helm("test", *PLACE, "--timeout", "10m")
        here.until("Healthy", BETTER)
        users = ledger()
    assert set(users.answered) == {FIRST, BETTER}
    assert not lost(users), users.failed


def ready_controllers() -> int:
    found = get("deployment", "headrace", "--namespace=headrace-system")
    return int(found["status"].get("readyReplicas", 0))


def owned_by_the_release() -> list[str]:
    kinds = "clusterroles,clusterrolebindings"
    found = get(kinds, "--selector=app.kubernetes.io/instance=headrace")
    return [each["metadata"]["name"] for each in found]
