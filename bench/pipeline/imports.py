"""How long it takes to read a component's file, beyond KFP itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMPONENTS = Path(__file__).parents[2] / "components"

_READ = """
import runpy, sys, time
from kfp import dsl
begun = time.perf_counter()
runpy.run_path(sys.argv[1])
print(time.perf_counter() - begun)
"""


def import_seconds() -> dict[str, float]:
    """Read every component in a process of its own, and give the seconds by name."""
    return {
        file.parent.name: float(
            subprocess.run(
                [sys.executable, "-c", _READ, str(file)], capture_output=True, text=True, check=True
            ).stdout
        )
        for file in sorted(COMPONENTS.glob("*/component.py"))
    }
