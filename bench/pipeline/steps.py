"""What it costs that a step is a process of its own, as it is in a cluster."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kfp import compiler, components, dsl

from headrace.pipelines.local_run import run_pipeline
from headrace.training.data.schema_text import parse_schema
from headrace.training.data.split import split

TIMES = 5
_SPLIT = Path(__file__).parents[2] / "components" / "split" / "component.yaml"

_CALL = """
import sys
from pathlib import Path
from headrace.training.data.schema_text import parse_schema
from headrace.training.data.split import split
data, schema, folder = sys.argv[1:]
split(Path(data), parse_schema(schema), Path(folder, "train"), Path(folder, "holdout"), "random")
"""


@dataclass(frozen=True)
class Steps:
    """The median seconds that it takes to divide a table.

    Attributes:
        called: By the function, in a process that has imported all that it needs.
        anew: By the function, in a new process of Python.
        stepped: By the component in a local pipeline.
    """

    called: float
    anew: float
    stepped: float


def measure(folder: Path, data: Path, schema: str) -> Steps:
    """Divide a table in each way.

    Args:
        folder: Takes what is written.
        data: The table, Parquet.
        schema: Its schema in YAML.
    """

    def call() -> None:
        split(data, parse_schema(schema), folder / "train", folder / "holdout", "random")

    def call_anew() -> None:
        subprocess.run(
            [sys.executable, "-c", _CALL, str(data), schema, str(folder)],
            check=True,
        )

    return Steps(_seconds(call), _seconds(call_anew), _stepped(folder, data, schema))


def _seconds(call: Callable[[], None]) -> float:
    took = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return median(took)


def _stepped(folder: Path, data: Path, schema: str) -> float:
    divide = components.load_component_from_file(str(_SPLIT))

    @dsl.pipeline(name="steps")  # type: ignore[untyped-decorator]
    def steps(uri: str, schema: str) -> None:
        rows = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)
        before = divide(data=rows.output, schema=schema, method="random")
        for seed in range(1, TIMES):
            task = divide(data=rows.output, schema=schema, method="random", seed=seed)
            before = task.after(before)

    pipeline = folder / "steps.yaml"
    compiler.Compiler().compile(steps, str(pipeline))
    arguments = {"uri": str(data), "schema": schema}
    done = run_pipeline(pipeline, arguments, folder / "steps", lambda _: None)
    return median(seconds for name, seconds in done.tasks.items() if name.startswith("split"))
