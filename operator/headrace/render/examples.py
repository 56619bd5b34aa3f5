"""Renders the examples of the repository anew: `python -m headrace.render.examples FOLDER`.

Every folder in it has a `rollout.yaml`, and a `before.yaml` that names the version which has the
users until then. Each stage becomes one file beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from headrace.api import load_rollout
from headrace.render.rendering import render
from headrace.render.stages import stages
from headrace.render.yaml_text import to_yaml

ROLLOUT, BEFORE = "rollout.yaml", "before.yaml"


def rendered_examples(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give the path and the text of every file that should be there.

    Args:
        folder: With a folder for each example.

    Raises:
        InvalidRollout: An example is none.
        NotFound: An example has no `before.yaml`.
    """
    for source in sorted(folder.glob(f"*/{ROLLOUT}")):
        rollout = load_rollout(source)
        stable = load_rollout(source.parent / BEFORE).spec.model
        for stage in stages(rollout, stable):
            name = f"{stage.name.replace(':', '-')}.yaml"
            yield source.parent / "rendered" / name, to_yaml(render(rollout, stage.plan))


def main(folder: Path) -> None:
    """Write the files, and remove those of stages that are no more."""
    wanted = dict(rendered_examples(folder))
    for old in set(folder.glob("*/rendered/*.yaml")) - set(wanted):
        old.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
