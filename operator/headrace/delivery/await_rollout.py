"""Wait for a rollout where its controller has it, and show how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headrace.controller.store import RolloutStore
from headrace.delivery.ending import Ending
from headrace.delivery.following import Followed, Patience, Read, follow
from headrace.delivery.target import ClusterTarget, DirectoryTarget, LocalTarget, parse_target
from headrace.errors import InvalidInput, PermanentError, TemporaryError
from headrace.report.build import build_report
from headrace.report.html import render_html
from headrace.report.journal import read_journal
from headrace.training.durations import seconds_of

_NEVER_SEEN = "<!doctype html><meta charset=utf-8><title>Rollout</title><p>It was never seen.\n"


@dataclass(frozen=True)
class Place:
    """Where a rollout is followed.

    Attributes:
        read: Gives it with its status.
        journal: Of a rollout on this machine, its store; None in a cluster.
    """

    read: Read
    journal: RolloutStore | None = None


def patience_of(timeout: str, interval: str, *, until_paused: bool = False) -> Patience:
    """Read how long to wait.

    Args:
        timeout: Such as `24h`.
        interval: Between two looks, such as `10s`.
        until_paused: Whether a pause is reason to return.

    Raises:
        InvalidInput: One of them is no duration above zero.
    """
    seconds = {}
    for name, text in (("timeout", timeout), ("interval", interval)):
        seconds[name] = seconds_of(name, text)
        if seconds[name] <= 0:
            raise InvalidInput(f"{name} is {text}; expected a duration above zero, such as 10s.")
    return Patience(seconds["timeout"], seconds["interval"], until_paused)


def await_rollout(
    name: str, version: str, target: str, patience: Patience, say: Callable[[str], None]
) -> Followed:
    """Follow a version's rollout to its end.

    Args:
        name: The rollout's, `namespace/name`.
        version: Which version.
        target: Where its controller is, see `parse_target`; a directory is none.
        patience: How long to wait.
        say: Is told what changes, in sentences.

    Raises:
        InvalidInput: The name is none, or the target has no controller.
        SetupError: No cluster is configured.
        PermanentError: It cannot be read, and never will.
    """
    place = _place(name, target)
    followed = follow(place.read, version, patience, say)
    if place.journal is None:
        return followed
    return Followed(
        followed.ending, followed.rollout, tuple(read_journal(place.journal.journal_file))
    )


def page_of(followed: Followed) -> str:
    """Draw what was seen: weights, verdicts and decisions over time, as one HTML page."""
    rollout = followed.rollout
    if rollout is None:
        return _NEVER_SEEN
    return render_html(build_report(rollout, followed.records, title=rollout.key))


def require_promotion(name: str, version: str, ending: Ending) -> None:
    """Insist that the version is live.

    Raises:
        TemporaryError: It may still be: it was waited for in vain.
        PermanentError: It is not.
    """
    if ending.outcome == "Promoted":
        return
    text = f"{name} {version} was not promoted. {ending.outcome}: {ending.reason}: {ending.message}"
    text = f"{text.rstrip('.')}."
    if ending.outcome in ("TimedOut", "Paused"):
        raise TemporaryError(text)
    raise PermanentError(text)


def _place(name: str, target: str) -> Place:
    namespace, slash, own = name.partition("/")
    if not (namespace and slash and own) or "/" in own:
        raise InvalidInput(f"The rollout {name!r} is none; expected namespace/name.")
    match parse_target(target):
        case ClusterTarget() as cluster:
            return Place(_in_cluster(cluster, namespace, own))
        case LocalTarget(home):
            store = RolloutStore(home / namespace / own)
            return Place(store.read, store)
        case DirectoryTarget():
            raise InvalidInput(
                f"The target {target!r} is a directory, which does not tell how a rollout fares. "
                "Name where its controller is: kubernetes:// or local://."
            )


def _in_cluster(target: ClusterTarget, namespace: str, name: str) -> Read:
    # The Kubernetes client takes long to import, and only this target needs it.
    from headrace.delivery.cluster import connect, read

    if target.namespace not in ("", namespace):
        raise InvalidInput(
            f"The rollout is {namespace}/{name}, the target names the namespace {target.namespace}."
        )
    cluster = connect(target).cluster
    return lambda: read(cluster, namespace, name)
