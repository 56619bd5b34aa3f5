"""Who fits the combinations of a search: this machine's cores, or a Dask or Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import joblib

from headrace.errors import PlatformUnavailable, SetupError

CONNECT_SECONDS = 30


@contextmanager
def workers(cluster: str, jobs: int, shared: object) -> Iterator[int]:
    """Make joblib use a cluster, where there is an address of one.

    Args:
        cluster: `dask://host:8786` (or `tcp://`), `ray://host:10001`; empty for this machine.
        jobs: How many at a time on this machine.
        shared: What every combination is given: sent to each worker of Dask once.

    Yields:
        How many combinations to hand out at a time.

    Raises:
        SetupError: The client is not installed.
        PlatformUnavailable: The cluster does not answer.
    """
    if not cluster:
        yield jobs
    elif cluster.startswith("ray://"):
        with _ray(cluster) as size, joblib.parallel_config("ray"):
            yield size
    else:
        with (
            _dask(cluster.replace("dask://", "tcp://")) as size,
            joblib.parallel_config("dask", scatter=[shared]),
        ):
            yield size


@contextmanager
def _dask(address: str) -> Iterator[int]:
    try:
        from distributed import Client
    except ImportError as error:
        raise _missing("Dask", "distributed", error) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise PlatformUnavailable(
            f"The Dask scheduler {address} does not answer: {error}."
        ) from error
    with client:
        threads: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]
        size = sum(threads.values())
        if not size:
            raise PlatformUnavailable(f"The Dask scheduler {address} has no workers yet.")
        yield size


@contextmanager
def _ray(address: str) -> Iterator[int]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise _missing("Ray", "ray", error) from error
    try:
        ray.init(address, logging_level="warning")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise PlatformUnavailable(f"The Ray cluster {address} does not answer: {error}.") from error
    register_ray()
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        ray.shutdown()


def _missing(what: str, package: str, error: ImportError) -> SetupError:
    return SetupError(
        f"A search on {what} needs the package {package}, which is not installed ({error}): "
        f"pip install {package}, in the component's image."
    )
