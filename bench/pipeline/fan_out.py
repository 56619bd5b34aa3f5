"""What it brings to have a search's combinations fitted by workers of Dask.

Each worker, and this process, has one core: gradient boosting takes all there are by itself.
"""

from __future__ import annotations

import time
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from headrace.training.model.recipe import Recipe
from headrace.training.model.task import run

_SEARCH: dict[str, list[float]] = {"max_leaf_nodes": [7, 15, 31, 63], "learning_rate": [0.05, 0.1]}


def search_seconds(folder: Path, rows: Path, schema: str, workers: int) -> float:
    """Search eight combinations, each judged by three parts of the rows.

    Args:
        folder: Takes the model.
        rows: Parquet.
        schema: Its schema in YAML.
        workers: Of Dask, one thread each; 0 for none, in this process.
    """
    if not workers:
        with threadpool_limits(1):
            return _searched(folder, rows, schema, "")
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        env={"OMP_NUM_THREADS": "1"},
    ) as cluster:
        return _searched(folder, rows, schema, cluster.scheduler_address)


def _searched(folder: Path, rows: Path, schema: str, cluster: str) -> float:
    recipe = Recipe(
        estimator="gradient_boosting",
        parameters={"max_iter": 40, "early_stopping": False},
        search=_SEARCH,
        folds=3,
        features="headrace.demo.features:compute_features",
        seed=1,
        cluster=cluster,
    )
    begun = time.monotonic()
    run(rows, schema, recipe, folder / f"model-{time.monotonic_ns()}")
    return time.monotonic() - begun
