"""KFP component: follow a rollout until it ends, and end as it ends."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def await_rollout(
    rollout: str,
    version: str,
    page: dsl.Output[dsl.HTML],
    reason: dsl.OutputPath(str),  # type: ignore[valid-type]
    message: dsl.OutputPath(str),  # type: ignore[valid-type]
    target: str = "kubernetes://",
    timeout: str = "24h",
    interval: str = "10s",
    until_paused: bool = False,
    must_be_promoted: bool = True,
) -> str:
    """Follow a rollout until it ends, show how it went, and end as it ends.

    Not to be cached, because the same rollout ends otherwise another time. It judges nothing and
    changes nothing: when the task is stopped, the rollout goes on. A rollout that is not there yet
    is waited for, as a commit takes its time from the repository to the cluster.

    Args:
        rollout: Its name, namespace/name, as the component roll_out returns it.
        version: The version whose end is waited for.
        page: Weights, verdicts and decisions over time, as the report of headrace draws them. KFP
            keeps it when the task succeeds: set must_be_promoted to false to have it in any case.
        reason: Why it ended so, in one CamelCase word.
        message: Why, in a sentence with the numbers.
        target: Where the controller is: kubernetes:// for the cluster that the pipeline runs in,
            kubernetes://CONTEXT for another, or local:// and the folder of `headrace up`.
        timeout: How long to wait, such as 24h or 30m.
        interval: Between two looks.
        until_paused: Return when the rollout waits for a person, instead of waiting with it.
        must_be_promoted: Fail the task with the reason unless the version is live in the end;
            otherwise the outcome is returned, for a condition of the pipeline.

    Returns:
        Promoted, RolledBack, Discarded, Superseded, Invalid, Deleted, Paused or TimedOut.
    """
    from functools import partial
    from pathlib import Path

    from headrace.delivery.await_rollout import (
        await_rollout,
        page_of,
        patience_of,
        require_promotion,
    )

    patience = patience_of(timeout, interval, until_paused=until_paused)
    followed = await_rollout(rollout, version, target, patience, partial(print, flush=True))
    Path(page.path).write_text(page_of(followed), encoding="utf-8")
    ending = followed.ending
    page.metadata["outcome"] = ending.outcome
    page.metadata["reason"] = ending.reason
    page.metadata["message"] = ending.message
    Path(reason).write_text(ending.reason, encoding="utf-8")
    Path(message).write_text(ending.message, encoding="utf-8")
    if must_be_promoted:
        require_promotion(rollout, version, ending)
    return ending.outcome
