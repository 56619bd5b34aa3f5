"""What a pod says of the version in it: whether it serves, what ended it, and why it waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.runtime.kubernetes.json_values import count, mapping, mappings, text
from headrace.serving.refusal import PREFIX, REFUSED

LONGEST = 300
"""Characters of other people's text that are kept and passed on."""

_OUT_OF_MEMORY = "OOMKilled"

_PERMANENT = ("InvalidImageName",)
"""Reasons to wait that no time heals."""

_ORDINARY = ("", "ContainerCreating", "PodInitializing", "Completed")


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod.

    Attributes:
        ready: Whether it gets requests.
        over: Whether it has ended, or is being deleted.
        restarts: Of all its containers.
        oom_kills: How many of them were for lack of memory, as far as has been seen.
        ending: What ended a container last, such as `ended with exit code 1`; empty before.
        ended: When that was, as Kubernetes writes it.
        refused: Why its version can never be served, as `<Reason>: <sentence>`; empty if it can.
        waiting: Why it does not serve, in the kubelet's or the scheduler's words; empty while
            nothing is wrong.
    """

    ready: bool
    over: bool = False
    restarts: int = 0
    oom_kills: int = 0
    ending: str = ""
    ended: str = ""
    refused: str = ""
    waiting: str = ""


def read_pod(pod: Mapping[str, Any], before: PodState | None = None) -> PodState:
    """Read a pod's status.

    Args:
        pod: As the API server gives it.
        before: The same pod, as it was read last: Kubernetes keeps the last ending only, so that
            ends for lack of memory have to be counted as they come.
    """
    containers = list(_containers(pod))
    restarts = sum(count(each, "restartCount") for each in containers)
    last = max(_endings(containers), key=lambda ending: text(ending, "finishedAt"), default=None)
    known = PodState(False) if before is None else before
    kills = known.oom_kills
    if last is not None and text(last, "reason") == _OUT_OF_MEMORY:
        # A pod that is seen late may have been killed before; one is certain.
        kills += max(0, restarts - known.restarts) if before else min(1, restarts)
    leaving = bool(text(pod, "metadata", "deletionTimestamp"))
    over = leaving or text(pod, "status", "phase") in ("Failed", "Succeeded")
    ready = not over and _condition(pod, "Ready").get("status") == "True"
    return PodState(
        ready=ready,
        over=over,
        restarts=restarts,
        oom_kills=kills,
        ending="" if last is None else _how(last),
        ended="" if last is None else text(last, "finishedAt"),
        refused="" if ready or leaving else _refusal(containers),
        waiting="" if ready or leaving else _waiting(pod, containers),
    )


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from mappings(pod, "status", "initContainerStatuses")
    yield from mappings(pod, "status", "containerStatuses")


def _endings(containers: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Give the ends that nobody asked for."""
    for container in containers:
        for state in ("lastState", "state"):
            ending = mapping(container, state, "terminated")
            if ending and (count(ending, "exitCode") or count(ending, "signal")):
                yield ending


def _how(ending: Mapping[str, Any]) -> str:
    if text(ending, "reason") == _OUT_OF_MEMORY:
        return "ended for lack of memory (OOMKilled)"
    signal, code = count(ending, "signal"), count(ending, "exitCode")
    if not signal and 128 < code <= 128 + 64:
        signal = code - 128
    how = f"ended by signal {signal}" if signal else f"ended with exit code {code}"
    said = text(ending, "message").strip().splitlines()
    return f"{how}: {_short(said[-1])}" if said else how


def _refusal(containers: list[Mapping[str, Any]]) -> str:
    for container in containers:
        waiting = mapping(container, "state", "waiting")
        if text(waiting, "reason") in _PERMANENT:
            return f"{text(waiting, 'reason')}: {_short(text(waiting, 'message'))}"
    for ending in _endings(containers):
        if count(ending, "exitCode") != REFUSED:
            continue
        for line in reversed(text(ending, "message").splitlines()):
            if line.startswith(PREFIX):
                return line.removeprefix(PREFIX).strip()
    return ""


def _waiting(pod: Mapping[str, Any], containers: list[Mapping[str, Any]]) -> str:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _said(text(scheduled, "reason"), text(scheduled, "message"))
    for container in containers:
        state = mapping(container, "state", "waiting")
        reason = text(state, "reason")
        if reason in _ORDINARY:
            continue
        ending = mapping(container, "lastState", "terminated")
        # What the kubelet says of a crash is how long it waits, which changes all the time.
        return f"{reason}: it {_how(ending)}" if ending else _said(reason, text(state, "message"))
    for container in containers:
        ending = mapping(container, "state", "terminated")
        if count(ending, "exitCode"):
            return f"its container {text(container, 'name')} {_how(ending)}"
    if text(pod, "status", "phase") == "Failed":
        return _said(text(pod, "status", "reason") or "Failed", text(pod, "status", "message"))
    return ""


def _condition(pod: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = (each for each in mappings(pod, "status", "conditions") if each.get("type") == kind)
    return next(found, {})


def _said(reason: str, message: str) -> str:
    return f"{reason}: {_short(message)}" if message else reason


def _short(said: str) -> str:
    line = " ".join(said.split()).rstrip(".")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
