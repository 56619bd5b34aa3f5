"""What users of a cluster do: render, apply, look at pods, send requests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from headrace.load.counts import Ledger, read_ledger

Object = dict[str, Any]

_SECONDS = 240.0
_LONGEST = 600.0


def kubectl(*arguments: str, text: str | None = None) -> str:
    """Run kubectl, which must succeed, and give what it said."""
    result = subprocess.run(
        ["kubectl", *arguments], input=text, capture_output=True, text=True, timeout=_SECONDS
    )
    assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr}"
    return result.stdout


def get(*arguments: str) -> Any:
    """Give what `kubectl get` says of an object, or of a list's items."""
    found = json.loads(kubectl("get", *arguments, "--output=json"))
    return found.get("items", found)


def until(
    is_so: Callable[[], bool],
    what: str,
    seconds: float = _SECONDS,
    more: Callable[[], str] = lambda: "",
) -> None:
    """Wait until something is so.

    Args:
        is_so: Says whether it is.
        what: In words.
        seconds: That it may take.
        more: Tells what else is known if it is not.

    Raises:
        AssertionError: It is not so in time; the text has the pods and the latest events.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            pods = kubectl("get", "pods", "--all-namespaces", "--output=wide")
            events = kubectl("get", "events", "--all-namespaces").splitlines()[-30:]
            raise AssertionError("\n".join([f"not so: {what}", more(), pods, *events]))
        time.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as far as users would notice a change of it."""

    uid: str
    restarts: int


@dataclass(frozen=True, slots=True)
class Sender:
    """Requests under way, and the sender's own account of them."""

    path: Path

    def ledger(self) -> Ledger:
        """Give the counts so far."""
        return read_ledger(self.path)


def pods_of(namespace: str, rollout: str, version: str) -> dict[str, Pod]:
    """Give the pods of a rollout's version by their names."""
    labels = f"headrace.dev/rollout={rollout},headrace.dev/version={version}"
    return {
        each["metadata"]["name"]: Pod(
            each["metadata"]["uid"],
            sum(status["restartCount"] for status in each["status"].get("containerStatuses", ())),
        )
        for each in get("pods", f"--namespace={namespace}", f"--selector={labels}")
    }


def requests_since(began: str, host: str = "") -> list[Object]:
    """Give the lines of the gateway's log.

    Args:
        began: Since when, in ISO 8601.
        host: That they name; empty for all.
    """
    of_gateway = "--selector=gateway.envoyproxy.io/owning-gateway-name=models"
    options = ["--container=envoy", "--tail=-1", "--namespace=envoy-gateway-system"]
    lines = kubectl("logs", of_gateway, *options).splitlines()
    requests = [json.loads(line) for line in lines if line.startswith('{"')]
    named = [each for each in requests if host in ("", each[":authority"])]
    return [each for each in named if each["start_time"] >= began]


def failures_since(began: str, host: str = "") -> Counter[str]:
    """Count what the gateway says of the requests that it did not answer with 200."""
    ended = requests_since(began, host)
    return Counter(each["response_code_details"] for each in ended if not is_answered(each))


class Deployed:
    """A rollout whose rendered stages are applied by hand, as a team without controllers does.

    Args:
        folder: With `rollout.yaml` and `before.yaml`; the stages go there, too.
        gateway: The address that users send to.
        host: That their requests name.
    """

    def __init__(self, folder: Path, gateway: str, host: str) -> None:
        self._folder, self._gateway, self._host = folder, gateway, host
        self._there: list[Object] = []
        self._began = ""
        rollout = yaml.safe_load((folder / "rollout.yaml").read_text("utf-8"))
        self._namespace = rollout["metadata"]["namespace"]
        self._name = rollout["metadata"]["name"]

    def become(self, stage: str) -> None:
        """Render a stage, apply it, delete what it has no more, and wait until all is ready."""
        command = [sys.executable, "-m", "headrace.cli.main", "render", "rollout.yaml"]
        rendered = subprocess.run(
            [*command, "--stable", "before.yaml", "--stage", stage],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert rendered.returncode == 0, rendered.stderr
        wanted = [*yaml.safe_load_all(rendered.stdout)]
        kubectl("apply", "--server-side", "--filename=-", text=rendered.stdout)
        kept = {key(each) for each in wanted}
        gone = [each for each in self._there if key(each) not in kept]
        delete(gone)
        self._there = wanted
        for each in wanted:
            if each["kind"] == "Deployment":
                where = f"--namespace={self._namespace}"
                name = f"deployment/{each['metadata']['name']}"
                kubectl("rollout", "status", name, where, "--timeout=200s")
        until(self._route_is_current, f"the route is in force at {stage}")

    def delete(self) -> None:
        """Delete all of it, and wait until the pods are gone."""
        delete(self._there)
        labels = f"--selector=headrace.dev/rollout={self._name}"
        where = f"--namespace={self._namespace}"
        kubectl("wait", "pod", where, labels, "--for=delete", "--timeout=120s")

    def pods(self, version: str) -> dict[str, Pod]:
        """Give the pods of a version by their names."""
        return pods_of(self._namespace, self._name, version)

    def failures(self) -> Counter[str]:
        """Count what the gateway says of the requests that it did not answer with 200."""
        return failures_since(self._began, self._host)

    def logs(self) -> str:
        """Give what the pods have logged."""
        ours = [f"--namespace={self._namespace}", f"--selector=headrace.dev/rollout={self._name}"]
        return kubectl("logs", *ours, "--all-containers", "--prefix", "--tail=100")

    def sample(self, count: int, rate: float = 60.0) -> Ledger:
        """Send some requests, and give who answered."""
        path = self._folder / "sample.json"
        subprocess.run(self._command(path, count, rate), check=True, timeout=_SECONDS)
        return read_ledger(path)

    @contextlib.contextmanager
    def users(self, rate: float) -> Iterator[Sender]:
        """Have users send requests meanwhile."""
        path = self._folder / "users.json"
        path.unlink(missing_ok=True)
        self._began = datetime.now(UTC).isoformat()
        with subprocess.Popen(self._command(path, 100_000, rate), stdin=subprocess.PIPE) as process:
            try:
                until(path.is_file, "users send requests")
                yield Sender(path)
            finally:
                process.terminate()

    def _command(self, ledger: Path, count: int, rate: float) -> Sequence[str]:
        return [
            *(sys.executable, "-m", "headrace.load", "--url", self._gateway, "--host", self._host),
            *("--requests", str(self._folder / "requests.jsonl"), "--ledger", str(ledger)),
            *("--rate", str(rate), "--count", str(count), "--seconds", str(_LONGEST)),
        ]

    def _route_is_current(self) -> bool:
        route = get("httproute", self._name, f"--namespace={self._namespace}")
        generation = route["metadata"]["generation"]
        conditions = [
            condition
            for parent in route.get("status", {}).get("parents", [])
            for condition in parent["conditions"]
        ]
        return bool(conditions) and all(
            each["status"] == "True" and each["observedGeneration"] == generation
            for each in conditions
        )


def is_answered(request: Object) -> bool:
    """Say whether a line of the gateway's log is of a request that went well."""
    return bool(request["response_code"] == 200)


def delete(manifests: Sequence[Object]) -> None:
    """Delete objects; what hangs on them goes later."""
    if manifests:
        kubectl("delete", "--wait=false", "--filename=-", text=yaml.safe_dump_all(manifests))


def key(manifest: Object) -> tuple[str, str]:
    """Tell an object from others of its namespace."""
    return manifest["kind"], manifest["metadata"]["name"]
