"""Small made-up tables of every task, in which a model finds something."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from headrace.training.data.schema import Column, DataSchema, Task

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


def rows_of(task: Task, count: int = 300, seed: int = 0) -> pd.DataFrame:
    """Make rows: `y` depends on `size` and `kind`; `noise` says nothing and is missing at times."""
    random = np.random.default_rng(seed)
    size = random.normal(size=count)
    kind = random.choice(["a", "b", "c"], size=count)
    noise = np.where(random.random(count) < 0.1, np.nan, random.normal(size=count))
    signal = 2 * size + np.where(kind == "a", 1.5, 0.0) + random.normal(size=count)
    answers: dict[Task, Any] = {
        "binary": np.where(signal > 0.5, "yes", "no"),
        "multiclass": np.select([signal < -1, signal < 1.5], ["low", "middle"], "high"),
        "regression": signal * 10 + 100,
    }
    hours = pd.date_range("2026-01-01", periods=count, freq="1h", tz="UTC")
    return pd.DataFrame(
        {
            "size": size,
            "kind": kind,
            "noise": noise,
            "who": [f"p{i % 29}" for i in range(count)],
            "when": hours.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": random.integers(1, 4, size=count),
            "y": answers[task],
        }
    )


def schema_of(task: Task, **roles: Any) -> DataSchema:
    """Describe such rows; `when`, `who` and `count` are roles when they are asked for."""
    return DataSchema(
        task=task,
        target="y",
        positive="yes" if task == "binary" else None,
        least_rows=10,
        columns=(
            Column(name="size", type="number"),
            Column(name="kind", type="category"),
            Column(name="noise", type="number", nullable=0.5),
            Column(name="who", type="string", request=False),
            Column(name="when", type="instant", request=False),
            Column(name="count", type="integer", request=False),
            Column(name="y", type="number" if task == "regression" else "category"),
        ),
        **roles,
    )
