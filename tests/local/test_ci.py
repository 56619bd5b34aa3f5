"""What `.ci/run` shows, with a `make` whose stages end as the test wants it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest

CI = Path(__file__).parents[2] / ".ci"

PASSED = """
seq 500
echo "7 passed in 1.00s"
"""
FAILED = """
seq 500
echo "=================================== FAILURES ==================================="
echo "E   assert 1 == 2"
echo "=========================== short test summary info ============================"
echo "FAILED tests/test_one.py::test_one - assert 1 == 2"
exit 1
"""
BROKEN = """
seq 500
echo "headrace: there is no Go"
exit 1
"""


def ci(folder: Path, *shell: str, **stages: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder where `make` does as these say; other stages pass."""
    (folder / "bin").mkdir()
    shutil.copytree(CI, folder / ".ci")
    cases = "\n".join(f"{name}) {text} ;;" for name, text in stages.items())
    make = folder / "bin" / "make"
    make.write_text(f'#!/bin/sh\ncase "$1" in\n{cases}\n*) {PASSED} ;;\nesac\n', encoding="utf-8")
    make.chmod(0o755)
    environ = {**os.environ, "PATH": f"{make.parent}:{os.environ['PATH']}"}
    return subprocess.run(
        [*shell, ".ci/run"], cwd=folder, env=environ, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("shell", [(), ("sh",), ("bash",)], ids=["itself", "by sh", "by bash"])
def test_of_stages_that_pass_it_shows_the_last_line(shell: tuple[str, ...], tmp_path: Path) -> None:
    done = ci(tmp_path, *shell)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("7 passed") == 4
    assert len(done.stdout.splitlines()) < 40


def test_of_a_stage_that_fails_it_shows_pytests_report_and_goes_no_further(tmp_path: Path) -> None:
    done = ci(tmp_path, test=FAILED)
    assert done.returncode == 1
    _, report = done.stdout.split("== failed in: all tests but those in a cluster\n")
    assert "E   assert 1 == 2" in report
    assert "FAILED tests/test_one.py::test_one - assert 1 == 2" in report
    assert len(report.splitlines()) < 20
    assert "== tests in a cluster" not in done.stdout


def test_of_a_stage_without_a_report_it_shows_how_its_log_ends(tmp_path: Path) -> None:
    done = ci(tmp_path, e2e=BROKEN)
    assert done.returncode == 1
    assert "500\nheadrace: there is no Go" in done.stdout


def test_what_is_built_beside_ends_with_it(tmp_path: Path) -> None:
    started = f"echo $$ >{tmp_path}/pid; exec sleep 600"
    waits = f"until [ -s {tmp_path}/pid ]; do sleep 0.1; done; exit 1"
    assert ci(tmp_path, cluster=started, lint=waits).returncode == 1
    pid = int((tmp_path / "pid").read_text("ascii"))
    deadline = time.monotonic() + 60
    while not has_ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_ended(pid: int) -> bool:
    try:
        # A container without an init keeps the entry of a process whose parent is gone.
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
