"""The first of the README's two commands, with everything real."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.local
@pytest.mark.timeout(900)
def test_make_demo_ends_live_promoted_and_rolled_back_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    said = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env={**os.environ, "HEADRACE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-6000:] + said.stderr[-3000:]
    report = json.loads((tmp_path / "demo" / "report.json").read_text("utf-8"))
    releases = report["releases"]
    assert [r["outcome"] for r in releases] == ["Live", "Promoted", "RolledBack"]
    assert releases[1]["failed_requests"] == 0
    assert releases[1]["requests"]["candidate"] > 0
    assert releases[2]["failed"]["stable"] == 0
    assert all(r["reason"] and r["message"] for r in releases)
    # What the users saw, by their own count: no failure but from the version that is broken.
    for version in ("1", "2"):
        assert set(report["client"]["answers"][version]) == {"HTTP 200"}
    assert "-" not in report["client"]["answers"]
    assert "rolled back" in said.stdout
    page = (tmp_path / "demo" / "report.html").read_text("utf-8")
    assert "<svg" in page
    assert (tmp_path / "demo" / "report.png").stat().st_size > 20_000
    left = [p for p in psutil.process_iter(["cmdline"]) if _is_of(p, tmp_path)]
    assert not left


def _is_of(process: psutil.Process, folder: Path) -> bool:
    return any(str(folder) in part for part in process.info["cmdline"] or ())
