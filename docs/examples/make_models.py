"""Makes two versions of a small model as ONNX files, a CSV of typical rows, and labelled requests.

The second version knows one column more and is better. Data: made up, a shop's customers who stay
or leave.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression

COLUMNS = ("months", "orders", "complaints")


def main() -> None:
    """Write churn-1.onnx, churn-2.onnx, typical.csv and requests.jsonl here."""
    random = np.random.default_rng(7)
    rows = np.column_stack(
        [random.integers(1, 60, 5000), random.poisson(4, 5000), random.poisson(0.6, 5000)]
    ).astype(np.float32)
    leaves = random.random(5000) < 1 / (1 + np.exp(1.5 + 0.03 * rows[:, 0] - 1.8 * rows[:, 2]))
    for version, blind in (("1", True), ("2", False)):
        seen = rows * np.array([1, 1, 0 if blind else 1], dtype=np.float32)
        model = LogisticRegression(max_iter=1000).fit(seen, leaves)
        graph = to_onnx(
            model,
            initial_types=[("features", FloatTensorType([None, len(COLUMNS)]))],
            options={"zipmap": False},
            target_opset=17,
        )
        Path(f"churn-{version}.onnx").write_bytes(graph.SerializeToString())
    with Path("typical.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows[:500].astype(int).tolist())
    with Path("requests.jsonl").open("w", encoding="utf-8") as file:
        for row, label in zip(rows.tolist(), leaves.tolist(), strict=True):
            request = dict(zip(COLUMNS, row, strict=True))
            file.write(json.dumps({"request": request, "label": int(label)}) + "\n")


if __name__ == "__main__":
    main()
