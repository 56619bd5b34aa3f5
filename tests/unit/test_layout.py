"""The shape of the repository itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_operator_folder_is_no_package() -> None:
    # With an __init__.py, `operator` in the working directory shadows the standard library's
    # module of that name: `python -c "import collections"` dies in this very folder.
    assert not (ROOT / "operator" / "__init__.py").exists()
    subprocess.run([sys.executable, "-c", "import collections"], cwd=ROOT, check=True)


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "operator").rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    home = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/")
    texts = [ROOT / name for name in tracked if not name.endswith((".png", ".zip"))]
    named = [str(path) for path in texts if path.exists() and home.search(path.read_text("utf-8"))]
    assert not [name for name in named if not name.endswith("test_layout.py")]
