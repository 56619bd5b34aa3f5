"""What users of a cluster do: apply, look at pods, read the log of the gateway."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

_SECONDS = 600.0
_LINES = 40
_STATUSES = '{range .items[*]}{.metadata.name}: {.status.decision} {.status.weights}{"\\n"}{end}'


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


def until(is_so: Callable[[], bool], what: str, seconds: float = _SECONDS) -> None:
    """Wait until something is so.

    Args:
        is_so: Says whether it is.
        what: In words.
        seconds: That it may take.

    Raises:
        AssertionError: It is not so in time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s: {what}"
        time.sleep(0.2)


def story() -> str:
    """Give what a person would look at when a test fails: rollouts, pods, events, the log."""
    everywhere, wide = "--all-namespaces", "--output=wide"
    shown = [
        *_said("get", "modelrollouts", everywhere, wide),
        *_said("get", "modelrollouts", everywhere, f"--output=jsonpath={_STATUSES}"),
        *_said("get", "pods", everywhere, wide),
        *_said("get", "events", everywhere, "--sort-by=.metadata.creationTimestamp"),
        *_said("logs", "--namespace=headrace-system", "--selector=app.kubernetes.io/name=headrace"),
    ]
    return "\n".join(shown)


def _said(*arguments: str) -> list[str]:
    """Give the last lines of what kubectl says, whatever that is, below its command."""
    command = ["kubectl", *arguments]
    said = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    return [f"$ {' '.join(command)}", *(said.stdout + said.stderr).splitlines()[-_LINES:]]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as far as users would notice a change of it."""

    uid: str
    restarts: int


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


def is_answered(request: Object) -> bool:
    """Say whether a line of the gateway's log is of a request that went well."""
    return bool(request["response_code"] == 200)
