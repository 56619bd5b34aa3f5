"""`python -m bench.pipeline`."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.pipeline import steps
from bench.pipeline.answers import answers_a_second
from bench.pipeline.fan_out import search_seconds
from bench.pipeline.flights import run, written
from bench.pipeline.imports import import_seconds
from headrace.demo.flights import schema

WORKERS = (0, 1, 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.pipeline",
        description="What components and pipelines cost: a step, the flights from end to end and "
        "their memory, ONNX beside scikit-learn, a search on workers, a component's import.",
    )
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as name:
        found = _measure(Path(name))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


def _measure(folder: Path) -> dict[str, object]:
    print("the flights' pipeline, all rows of 2013", flush=True)
    flights = run(folder)
    print(f"  {flights.seconds:.1f} s (target 90), {flights.most / 1e6:,.0f} MB (1,500)")

    rows = written(folder, "split", "holdout")
    step = steps.measure(folder, rows, schema())
    more = step.stepped - step.anew
    print("two weeks of flights, divided")
    print(f"  called {step.called:.2f} s, called in a new process {step.anew:.2f} s")
    print(f"  as a step {step.stepped:.2f} s: {more:.2f} s more than the process (target .5)")

    print("answers, rows a second", flush=True)
    bundle, model = written(folder, "package", "bundle"), written(folder, "train", "model")
    answers = answers_a_second(bundle, model, rows)
    for size, (packaged, fitted) in answers.items():
        ratio = packaged / fitted
        print(f"  {size:5} a call: ONNX {packaged:,.0f}, scikit-learn {fitted:,.0f}: {ratio:.1f} x")

    print("a search of eight combinations in three folds, on all but two weeks", flush=True)
    rows = written(folder, "split", "train")
    searches = {n: search_seconds(folder, rows, schema(), n) for n in WORKERS}
    for workers, seconds in searches.items():
        where = f"{workers} workers of Dask" if workers else "in this process"
        print(f"  {where}: {seconds:.1f} s, {searches[0] / seconds:.2f} times as fast")

    imports = import_seconds()
    slowest = max(imports, key=lambda name: imports[name])
    print(f"a component's file, beyond KFP: at most {imports[slowest]:.3f} s ({slowest}; .3)")
    return {
        "flights": flights.seconds,
        "tasks": flights.tasks,
        "bytes": flights.most,
        "step": asdict(step),
        "answers": answers,
        "searches": searches,
        "imports": imports,
    }


if __name__ == "__main__":
    main()
