"""A ModelRollout in the cluster as its owner and its users see it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from headrace.load.counts import Ledger, read_ledger
from headrace.render.gateway import is_open
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import HTTP_ROUTE, MODEL_ROLLOUT
from tests.e2e.cluster import Object, Pod, kubectl, pods_of, until
from tests.e2e.models import FIRST, NAME

NAMESPACE = "models"

_ROLLED_OUT_SECONDS = 900.0
_LONGEST = 1800.0

ERRORS = {
    "name": "errors",
    "metric": "error-rate",
    "worseThanStable": {"ratio": 1.5, "margin": 0.03},
}
LATENCY = {
    "name": "latency",
    "metric": "latency",
    # On a machine that also runs everything else, small differences say nothing.
    "worseThanStable": {"ratio": 2, "tolerance": 1.25, "margin": "10ms"},
}
AGREEMENT = {"name": "agreement", "metric": "shadow-agreement", "below": 0.5}


def spec_of(version: str, digest: str, host: str, **changes: Any) -> Object:
    """Give the spec of a ModelRollout with plain Kubernetes and the Gateway API.

    Args:
        version: That should be live.
        digest: Of its bundle.
        host: That users name.
        changes: `handler`, `steps`, `checks` and `serving`, where they are others.
    """
    model = {"name": NAME, "version": version, "uri": f"pvc://models/{NAME}-{version}"}
    handler = {"handler": changes["handler"]} if "handler" in changes else {}
    resources = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
    steps = changes.get("steps", [{"weight": 25, "hold": "1m"}])
    return {
        "model": {**model, "digest": digest, **handler},
        "serving": {
            "resources": resources,
            "startupTimeout": "90s",
            **changes.get("serving", {}),
        },
        "routing": {
            "provider": "GatewayAPI",
            "gateway": {"name": "models", "namespace": "gateways"},
            "hostnames": [host],
        },
        "onDelete": "Delete",
        "strategy": {"canary": {"steps": steps}},
        "analysis": {"interval": "2s", "checks": changes.get("checks", [ERRORS])},
    }


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen at one moment.

    Attributes:
        at: Seconds that only grow.
        answered: Users' requests so far, by version; read before the rest.
        champion: The version that has the alias; read before the status.
        status: Of the ModelRollout.
        weights: Of the route's rule that takes everybody, in the order of its backends.
    """

    at: float
    answered: dict[str, int]
    champion: str
    status: Object
    weights: tuple[int, ...]


@dataclass
class Live:
    """A rollout that the controller looks after.

    Attributes:
        name: Its name.
        host: That its users' requests name.
        folder: For the tests' own files; has requests.jsonl.
        gateway: The address of the gateway.
        digests: Of the bundles, by version.
        champion: Gives the version that has the registry's alias.
    """

    name: str
    host: str
    folder: Path
    gateway: str
    digests: dict[str, str]
    champion: Callable[[], str] = lambda: ""
    moments: list[Moment] = field(default_factory=list)
    cluster: Cluster = field(default_factory=Cluster.connect)

    def ask_for(self, version: str, **changes: Any) -> None:
        """Write the spec, as a pipeline or a person does.

        Args:
            version: That should be live.
            changes: To the model (`digest`, `handler`), or other parts of the spec.
        """
        digest = changes.pop("digest", self.digests[version])
        spec = spec_of(version, digest, self.host, **changes)
        manifest = {
            "apiVersion": "headrace.dev/v1alpha1",
            "kind": "ModelRollout",
            "metadata": {"name": self.name, "namespace": NAMESPACE},
            "spec": spec,
        }
        kubectl("apply", "--server-side", "--filename=-", text=yaml.safe_dump(manifest))

    def status(self) -> Object:
        """Give what the controller has written."""
        found = self.cluster.get(MODEL_ROLLOUT, NAMESPACE, self.name)
        return dict((found or {}).get("status") or {})

    def until(self, phase: str, version: str) -> Object:
        """Wait until a version has come to its end, or is live.

        Args:
            phase: `Healthy` or `RolledBack`.
            version: That is live, or was rolled back.
        """
        key = "rejected" if phase == "RolledBack" else "stable"

        def is_there() -> bool:
            status = self.status()
            return status.get("phase") == phase and status.get(key, {}).get("version") == version

        until(is_there, f"{self.name} is {phase} with {version}", _ROLLED_OUT_SECONDS)
        return self.status()

    def until_gone(self, version: str) -> None:
        """Wait until a version has no pods any more."""
        until(lambda: not self.pods(version), f"the pods of {self.name} {version} are gone")

    def go_live(self, **changes: Any) -> None:
        """Have version 1 live, and requests answered by it."""
        self.ask_for(FIRST, **changes)
        self.until("Healthy", FIRST)
        until(self._answers, f"{self.name} answers")

    def pods(self, version: str) -> dict[str, Pod]:
        """Give the pods of a version by their names."""
        return pods_of(NAMESPACE, self.name, version)

    @contextlib.contextmanager
    def users(self, rate: float) -> Iterator[Callable[[], Ledger]]:
        """Have users send requests meanwhile, and look at everything."""
        path = self.folder / f"{self.name}-users.json"
        path.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "headrace.load", "--url", self.gateway, "--host", self.host),
            *("--requests", str(self.folder / "requests.jsonl"), "--ledger", str(path)),
            *("--rate", str(rate), "--count", "1000000", "--seconds", str(_LONGEST)),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            try:
                until(path.is_file, "users send requests")
                with self.looking(path):
                    yield lambda: read_ledger(path)
            finally:
                process.terminate()

    @contextlib.contextmanager
    def looking(self, ledger: Path) -> Iterator[None]:
        """Look at everything meanwhile, again and again; pytest has it if the test fails."""
        ended = threading.Event()
        thread = threading.Thread(target=self._look, args=(ledger, ended))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            print(_told(self.moments))

    def _answers(self) -> bool:
        line = (self.folder / "requests.jsonl").read_text("utf-8").splitlines()[0]
        row = json.loads(line)["request"]
        try:
            answer = requests.post(
                f"{self.gateway}/api/v1.0/predictions",
                json={"data": {"names": list(row), "ndarray": [list(row.values())]}},
                headers={"host": self.host},
                timeout=60,
            )
        except requests.RequestException:
            return False
        return answer.status_code == 200

    def _look(self, ledger: Path, ended: threading.Event) -> None:
        while not ended.wait(0.4):
            at, champion = time.monotonic(), self.champion()
            answered = dict(read_ledger(ledger).answered) if ledger.is_file() else {}
            route = self.cluster.get(HTTP_ROUTE, NAMESPACE, self.name)
            seen = Moment(at, answered, champion, self.status(), _weights(route))
            self.moments.append(seen)


def _told(moments: Sequence[Moment]) -> str:
    """Give a line for every moment at which something had changed."""
    lines, last = [], ""
    for each in moments:
        reason = (each.status.get("decision") or {}).get("reason", "")
        told = f"{each.status.get('phase', '')} {reason} {each.weights} {each.champion}"
        if told != last:
            lines.append(f"{each.at - moments[0].at:6.1f} s  {told}")
        last = told
    return "\n".join(lines)


def _weights(route: Object | None) -> tuple[int, ...]:
    rules = route["spec"]["rules"] if route is not None else ()
    opened = [each for each in rules if is_open(each)]
    return tuple(int(each["weight"]) for rule in opened for each in rule["backendRefs"])


def lost(users: Ledger) -> dict[str, int]:
    """Give the requests that failed, but for those that never came to the gateway.

    The only proxy of a node that is far too busy may be out of the Service for a moment, as its
    probe is late. No route and no version is asked then.
    """
    return {
        cause: count for cause, count in users.failed.items() if cause != "-: ClientConnectorError"
    }


def champion_in(registry: str, name: str) -> Callable[[], str]:
    """Give what says which version of a model has the alias `champion` in an MLflow server."""

    def champion() -> str:
        address = f"{registry}/api/2.0/mlflow/registered-models/alias"
        answer = requests.get(address, {"name": name, "alias": "champion"}, timeout=60)
        if answer.status_code != 200:
            return ""
        tags = answer.json()["model_version"]["tags"]
        return next(str(tag["value"]) for tag in tags if tag["key"] == "headrace.version")

    return champion
