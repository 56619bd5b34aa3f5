"""Writes what is generated of the charts in a folder: `python -m headrace.render.helm helm`."""

from __future__ import annotations

import sys
from pathlib import Path

from headrace.render.helm.shipped import shipped


def main(folder: Path) -> None:
    """Write the files."""
    for path, text in shipped(folder).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
