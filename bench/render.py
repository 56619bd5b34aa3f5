"""How fast rollouts become manifests, beside `helm template` of the same manifests.

    python bench/render.py --helm PATH [--seconds 10]

Every rollout is an example under a name of its own, at the stage `canary:5`, so that nothing is
rendered twice. The chart has the same manifests as its templates, without a single value to fill
in: the least that Helm can do. Prints rollouts a second of

- rendering, in one process, as the controller does it at every tick;
- the same written as JSON, which is what is sent to an API server, and as YAML, which people read;
- `helm template` of a chart for each rollout, as teams have them, and of one chart with many
  rollouts, which spares Helm its start;

and what a person waits for: `headrace render` and `headrace lint` of one file, whole processes. The
measurements take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from headrace.api import ModelRollout, load_rollout
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import chosen_stage
from headrace.render.yaml_text import to_yaml

EXAMPLE = Path(__file__).parents[1] / "manifests" / "examples" / "canary-gateway"
STAGE = "canary:5"
IN_ONE_CHART = 50
ROUNDS = 5
WANTED = 200
WHOLE_PROCESSES = 15


def rollouts() -> Iterator[ModelRollout]:
    """Give the example again and again, each time under another name."""
    example, number = load_rollout(EXAMPLE / "rollout.yaml"), 0
    while True:
        metadata = example.metadata.model_copy(update={"name": f"{example.metadata.name}-{number}"})
        yield example.model_copy(update={"metadata": metadata})
        number += 1


def chart(folder: Path, rendered: list[list[Manifest]]) -> Path:
    """Write a chart whose templates are plain manifests, and check that Helm gives them back."""
    (folder / "templates").mkdir(parents=True)
    about = {"apiVersion": "v2", "name": "bench", "version": "0.1.0"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about), "utf-8")
    for number, those in enumerate(rendered):
        # What Prometheus and Grafana fill in is no matter of Helm's.
        text = to_yaml(those).replace("{{", '{{"{{"}}')
        (folder / "templates" / f"{number}.yaml").write_text(text, "utf-8")
    return folder


def templated(helm: Path, folder: Path) -> str:
    """Run `helm template`."""
    command = [str(helm), "template", "bench", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


def seconds_of(*arguments: str) -> float:
    """Give the median wall time of a whole process of `headrace`."""
    taken = []
    for _ in range(WHOLE_PROCESSES):
        began = time.perf_counter()
        command = [sys.executable, "-m", "headrace.cli.main", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


class Measurement:
    """How often something can be done in a second."""

    def __init__(self, name: str, work: Callable[[], object], each: int = 1) -> None:
        """Prepare; `each` is how many rollouts one call has."""
        self.name, self._work, self._each = name, work, each
        self._rates: list[float] = []

    def run(self, seconds: float) -> None:
        """Do it for a while, once at least."""
        done, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds or not done:
            self._work()
            done += self._each
        self._rates.append(done / passed)

    @property
    def rate(self) -> float:
        """The median over the rounds, per second."""
        return statistics.median(self._rates)


def measured(helm: Path, seconds: float, folder: Path) -> list[Measurement]:
    """Measure everything, in turns: ours first, Helm's last."""
    stable = load_rollout(EXAMPLE / "before.yaml").spec.model
    endless = rollouts()
    plan = chosen_stage(next(endless), stable, STAGE).plan

    def rendered() -> list[Manifest]:
        return render(next(endless), plan)

    one = chart(folder / "one", [rendered()])
    (text,) = (path.read_text("utf-8") for path in (one / "templates").iterdir())
    there = [each for each in yaml.safe_load_all(templated(helm, one)) if each]
    wanted = list(yaml.safe_load_all(text.replace('{{"{{"}}', "{{")))
    key = "{kind} {metadata[name]}".format_map
    assert sorted(there, key=key) == sorted(wanted, key=key), "Helm renders something else"
    several = chart(folder / "several", [rendered() for _ in range(IN_ONE_CHART)])
    print(f"{len(wanted)} manifests a rollout, {len(text):,} characters of YAML")
    found = [
        Measurement("rendered", rendered),
        Measurement("rendered and written as JSON", lambda: json.dumps(rendered())),
        Measurement("rendered and written as YAML", lambda: to_yaml(rendered())),
        Measurement("helm template, a chart for each", lambda: templated(helm, one)),
        Measurement(
            f"helm template, {IN_ONE_CHART} in one chart",
            lambda: templated(helm, several),
            IN_ONE_CHART,
        ),
    ]
    for _ in range(ROUNDS):
        for each in found:
            each.run(seconds / ROUNDS)
    return found


def main() -> None:
    """Measure all of it in one run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--helm", type=Path, required=True, help="the program")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measured(options.helm, options.seconds, Path(name))
    chart_each, one_chart = found[-2:]
    print(f"{'':36}{'rollouts/s':>12}{'x a chart each':>16}{'x one chart':>13}")
    for each in found:
        ratios = f"{each.rate / chart_each.rate:16.1f}{each.rate / one_chart.rate:13.1f}"
        print(f"{each.name:36}{each.rate:12.1f}{ratios}")
    met = found[0].rate >= WANTED * chart_each.rate
    print(f"at least {WANTED} times a chart for each: {'met' if met else 'MISSED'}")
    file = str(EXAMPLE / "rollout.yaml")
    for command in ("render", "lint"):
        print(f"headrace {command} of a file, the whole process: {seconds_of(command, file):.2f} s")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
