"""What tasks of several pipelines have in common."""

from __future__ import annotations

from kfp.dsl import PipelineTask


def fresh(task: PipelineTask) -> PipelineTask:
    """Have a task run each time, and again where it fails.

    For what reads or changes the world outside of the pipeline, such as data behind a URI, the
    registry or a cluster: the same arguments may mean another thing by now, so that nothing comes
    from the cache, and what fails may work a little later.

    Returns:
        The same task: uncached, with two retries, the first after 10 s.
    """
    return task.set_caching_options(False).set_retry(2, backoff_duration="10s")
