"""Trains a release of the flights example, and writes its ModelRollout for a cluster.

`python scripts/train_flights.py RELEASE FOLDER` writes FOLDER/rollout-RELEASE.yaml. The bundle is
copied into HEADRACE_MODELS, which pods have as the volume `models`, and registered as the
challenger in MLflow at HEADRACE_REGISTRY_URL. The pipeline itself keeps to a registry in the
folder, as it reads bundles where that says they are, and an MLflow server takes no paths of this
machine.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from headrace.demo.releases import RELEASES
from headrace.pipelines.local_run import Progress, run_pipeline
from headrace.registry.challenger import register_challenger

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "manifests" / "kind" / "flight-delay.yaml"


def main(version: str, folder: Path) -> None:
    """Train, copy, register, and write."""
    release = next(each for each in RELEASES if each.version == version)
    inbox = folder.resolve() / "rollouts"
    run = run_pipeline(
        ROOT / "pipelines" / "flight_delay" / "pipeline.yaml",
        {
            "release": release.version,
            "train_from": release.train_from,
            "train_until": release.train_until,
            "inputs": list(release.inputs),
            "registry_uri": f"sqlite:///{folder.resolve()}/mlflow.db",
            "rollout_template": TEMPLATE.read_text("utf-8"),
            "rollout_target": inbox.as_uri(),
        },
        folder / "pipeline",
        _tell,
    )
    if "roll-out" not in run.tasks:
        sys.exit(f"Release {version} did not pass its evaluation; see {folder / 'pipeline'}.")
    rollout = yaml.safe_load((inbox / "flight-delay.yaml").read_text("utf-8"))
    model = rollout["spec"]["model"]
    name = f"{model['name']}-{model['version']}"
    bundle = Path(unquote(urlsplit(model["uri"]).path))
    shutil.copytree(bundle, Path(os.environ["HEADRACE_MODELS"]) / name, dirs_exist_ok=True)
    model["uri"] = f"pvc://models/{name}"
    registry = os.environ["HEADRACE_REGISTRY_URL"]
    register_challenger(registry, bundle, model["uri"], model["digest"], {})
    text = yaml.safe_dump(rollout, sort_keys=False)
    (folder / f"rollout-{version}.yaml").write_text(text, encoding="utf-8")


def _tell(progress: Progress) -> None:
    if progress.state != "Running":
        said = f"  {progress.task} {progress.state.lower()} in {progress.seconds:.1f} s"
        print(said)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
