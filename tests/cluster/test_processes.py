"""An API server does not outlive its tests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil

PROGRAM = """
import json, sys, time
from pathlib import Path
import psutil
from tests.cluster.api_server import api_server

with api_server(Path(sys.argv[1])):
    children = psutil.Process().children()
    print(json.dumps({each.pid: each.name() for each in children}), flush=True)
    time.sleep(600)
"""


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        running: dict[str, str] = json.loads(program.stdout.readline())
        assert {"etcd", "kube-apiserver"} <= set(running.values())
        family = [psutil.Process(int(pid)) for pid in running]
        program.send_signal(signal.SIGKILL)
        program.wait(300)
        _, left = psutil.wait_procs(family, timeout=300)
        assert left == []
