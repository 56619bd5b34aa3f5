"""What is read off a pod's status, whatever it holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.kubernetes.pods import LONGEST, PodState, read_pod

NOT_READY = PodState(ready=False)
DIGEST = "DigestMismatch: The bundle at s3://m/7 has digest sha256:1, but sha256:2 was registered."


def pod(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": list(containers), **status}}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "model", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, message: str = "", **more: Any) -> dict[str, Any]:
    return {"exitCode": code, "message": message, "finishedAt": "2026-01-01T00:00:00Z", **more}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


CRASHED = waiting(
    "CrashLoopBackOff",
    "back-off 40s restarting failed container",
    restartCount=3,
    lastState={"terminated": ended(1, "Traceback\n  ...\nMemoryError: no\n")},
)
KILLED = waiting(
    "CrashLoopBackOff",
    restartCount=1,
    lastState={"terminated": ended(137, reason="OOMKilled")},
)
REFUSED = waiting(
    "CrashLoopBackOff",
    restartCount=2,
    lastState={"terminated": ended(3, f"loading\nheadrace: refused: {DIGEST}\n")},
)

CASES: dict[str, tuple[dict[str, Any], PodState]] = {
    "nothing is known yet": ({}, NOT_READY),
    "it is being started": (pod(waiting("ContainerCreating")), NOT_READY),
    "it answers": (
        pod({"name": "model", "restartCount": 2}, conditions=[condition("Ready", "True")]),
        PodState(ready=True, restarts=2),
    ),
    "it answers and is being deleted": (
        {
            **pod(conditions=[condition("Ready", "True")]),
            "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        },
        PodState(ready=False, over=True),
    ),
    "there is no node for it": (
        pod(conditions=[condition("PodScheduled", "False", "Unschedulable", "0/3 nodes fit.")]),
        PodState(ready=False, waiting="Unschedulable: 0/3 nodes fit"),
    ),
    "its image is not there": (
        pod(waiting("ImagePullBackOff", 'Back-off pulling image "x"')),
        PodState(ready=False, waiting='ImagePullBackOff: Back-off pulling image "x"'),
    ),
    "its image has no name that could be one": (
        pod(waiting("InvalidImageName", "couldn't parse image")),
        PodState(
            ready=False,
            refused="InvalidImageName: couldn't parse image",
            waiting="InvalidImageName: couldn't parse image",
        ),
    ),
    "a Secret is missing": (
        pod(waiting("CreateContainerConfigError", 'secret "s3" not found')),
        PodState(ready=False, waiting='CreateContainerConfigError: secret "s3" not found'),
    ),
    "its server crashes": (
        pod(CRASHED),
        PodState(
            ready=False,
            restarts=3,
            ending="ended with exit code 1: MemoryError: no",
            ended="2026-01-01T00:00:00Z",
            waiting="CrashLoopBackOff: it ended with exit code 1: MemoryError: no",
        ),
    ),
    "its server is killed by a signal": (
        pod({"name": "model", "state": {"terminated": ended(139)}}),
        PodState(
            ready=False,
            ending="ended by signal 11",
            ended="2026-01-01T00:00:00Z",
            waiting="its container model ended by signal 11",
        ),
    ),
    "its server runs out of memory": (
        pod(KILLED),
        PodState(
            ready=False,
            restarts=1,
            oom_kills=1,
            ending="ended for lack of memory (OOMKilled)",
            ended="2026-01-01T00:00:00Z",
            waiting="CrashLoopBackOff: it ended for lack of memory (OOMKilled)",
        ),
    ),
    "its bundle is another one": (
        pod(initContainerStatuses=[REFUSED]),
        PodState(
            ready=False,
            restarts=2,
            ending=f"ended with exit code 3: headrace: refused: {DIGEST[:-1]}",
            ended="2026-01-01T00:00:00Z",
            refused=DIGEST,
            waiting="CrashLoopBackOff: it ended with exit code 3: headrace: refused: "
            f"{DIGEST[:-1]}",
        ),
    ),
    "fetching is over": (
        pod(initContainerStatuses=[{"state": {"terminated": ended(0, reason="Completed")}}]),
        NOT_READY,
    ),
    "it was evicted": (
        pod(phase="Failed", reason="Evicted", message="The node was low on memory."),
        PodState(ready=False, over=True, waiting="Evicted: The node was low on memory"),
    ),
}


@pytest.mark.parametrize(("given_pod", "expected"), CASES.values(), ids=CASES)
def test_a_pod_says(given_pod: dict[str, Any], expected: PodState) -> None:
    assert read_pod(given_pod) == expected


def test_ends_for_lack_of_memory_are_counted_as_they_come() -> None:
    before = read_pod(pod(CRASHED))
    killed = {
        **CRASHED,
        "restartCount": 5,
        "lastState": {"terminated": ended(137, reason="OOMKilled")},
    }
    after = read_pod(pod(killed), before)
    assert (before.oom_kills, after.oom_kills, after.restarts) == (0, 2, 5)
    assert read_pod(pod(killed), after).oom_kills == 2


def test_the_last_of_several_endings_is_told() -> None:
    early = {"lastState": {"terminated": ended(1, finishedAt="2026-01-01T00:00:00Z")}}
    late = {"lastState": {"terminated": ended(2, finishedAt="2026-01-02T00:00:00Z")}}
    assert read_pod(pod(late, early)).ending == "ended with exit code 2"


def test_words_of_others_are_cut() -> None:
    state = read_pod(pod(waiting("ErrImagePull", "x" * 5000)))
    assert len(state.waiting) <= LONGEST + len("ErrImagePull: ")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "metadata", "status", "containerStatuses", "state", "lastState", "terminated",
                "waiting", "conditions", "exitCode", "message", "reason", "type", "finishedAt",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=30,
)  # fmt: skip


@given(_json)
def test_a_pod_of_any_shape_can_be_read(value: Any) -> None:
    thing = value if isinstance(value, dict) else {"status": value}
    assert read_pod(thing, read_pod(thing)).restarts >= 0
