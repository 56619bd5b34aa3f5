"""Asks the store whether to train again, and remembers a yes for the cool-down."""

from __future__ import annotations

from headrace.labels.quality import overall
from headrace.labels.store import LabelStore
from headrace.labels.trigger import Trigger, Verdict, decide

_FIRED = "retrain fired"


def retrain_due(
    store: LabelStore, trigger: Trigger, version: str, since: float, now: float
) -> Verdict:
    """Decide whether the quality of a version is a reason to train again.

    Args:
        store: Has the labels. A yes is kept there, so that the next one waits for the cool-down,
            whoever asks and after any restart.
        trigger: What is a reason.
        version: The one that has the users.
        since: How many seconds back predictions count.
        now: Unix seconds.

    Raises:
        PlatformUnavailable: The database does not answer.
    """
    store.settle(now)
    fired = store.remembered(_FIRED)
    seen = overall(store.hours(now - since))
    verdict = decide(trigger, seen, version, fired, now)
    if verdict.fires and not store.claim(_FIRED, now, trigger.cool_down):
        # Somebody else has asked meanwhile, and was told yes.
        return decide(trigger, seen, version, store.remembered(_FIRED), now)
    return verdict
