"""The commands of the page about people are run, one after the other, as a reader would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.runtime.kubernetes.cluster import Cluster
from tests.cluster.api_server import ApiServer
from tests.cluster.programs.catalogue import program
from tests.cluster.test_commands import Kept, trying

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line
]
PROGRAMS = {"headrace": "main", "kubectl-headrace": "kubectl"}


@pytest.fixture(scope="module")
def environment(
    server: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    home = tmp_path_factory.mktemp("reader")
    for name, function in PROGRAMS.items():
        code = f"from headrace.cli.main import {function}; {function}()"
        file = home / name
        file.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{code}' \"$@\"\n", "utf-8")
        file.chmod(0o755)
    (home / "kubectl").symlink_to(program("kubectl"))
    made = server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "models"}})
    # Other pages have their rollouts there too.
    assert made.code in (201, 409), made.message
    Kept(Cluster.connect(str(server.kubeconfig)), "models", server.kubeconfig, home).write(trying())
    yield os.environ | {
        "PATH": f"{home}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "HEADRACE_HOME": str(home / "local"),
        "KUBECONFIG": str(server.kubeconfig),
    }
    if made.code == 201:
        server.ask("DELETE", "/api/v1/namespaces/models")


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) == 12
    assert {shlex.split(command)[0] for command in COMMANDS} == {"headrace", "kubectl"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_does_what_it_says(command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        shlex.split(command), env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
