"""The process in which `local_run` lets `kfp.local` run a pipeline: `python -m` this module.

A process of its own, because kfp.local keeps a singleton, replaces the handlers of the root logger
and patches `print` while it works. It reads one order from standard input, lets KFP write its log
to standard output, and ends with a line of outputs. When standard input ends, its caller is gone,
and so it stops with all its tasks.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

OUTPUTS_PREFIX = "headrace-pipeline-outputs: "


def main() -> None:
    """Run the pipeline of the order on standard input."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_stop_with_caller, daemon=True).start()
    outputs = _run(order["pipeline"], order["arguments"], order["pipeline_root"])
    print(OUTPUTS_PREFIX + json.dumps(outputs), flush=True)


def _run(pipeline: str, arguments: dict[str, Any], pipeline_root: str) -> dict[str, Any]:
    from kfp import components, local
    from kfp.dsl import Artifact

    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=pipeline_root)
    task = components.load_component_from_file(pipeline)(**arguments)
    return {
        name: value.uri if isinstance(value, Artifact) else value
        for name, value in task.outputs.items()
    }


def _stop_with_caller() -> None:
    while sys.stdin.read(4096):
        pass
    # This process leads its group: local_run started it in a session of its own.
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    main()
