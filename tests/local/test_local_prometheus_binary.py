"""Where Prometheus comes from, with programs of the test's own as apt-get, dpkg and Prometheus."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.errors import SetupError
from headrace.runtime.local.prometheus_binary import find_prometheus

pytestmark = pytest.mark.local

WORKS = "#!/bin/sh\necho prometheus, version 2.42.0\n"
BROKEN = "#!/bin/sh\nexit 1\n"
DPKG = f"""#!/bin/sh
mkdir -p "$3/usr/bin"
printf '%s' '{WORKS}' > "$3/usr/bin/prometheus"
chmod +x "$3/usr/bin/prometheus"
"""
DOWNLOADS = '#!/bin/sh\necho "$@" >> "$LOG"\ntouch prometheus_2.42_amd64.deb\n'
FAILS = (
    '#!/bin/sh\necho "$@" >> "$LOG"\necho "E: Unable to locate package prometheus" >&2\nexit 100\n'
)


class Machine:
    """A PATH of programs that a test writes, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.cache = folder / "cache"
        self.log = folder / "log"
        self.said: list[str] = []
        self.environ = {
            "PATH": f"{self.programs}:/usr/bin:/bin",
            "XDG_CACHE_HOME": str(self.cache),
            "LOG": str(self.log),
        }

    def write(self, name: str, text: str) -> Path:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def find(self) -> Path:
        return find_prometheus(self.said.append, self.environ)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    found.write("prometheus", BROKEN)  # hides one that is installed
    return found


def test_the_one_on_path_is_taken_and_nothing_is_said(machine: Machine) -> None:
    path = machine.write("prometheus", WORKS)
    assert machine.find() == path
    assert machine.said == []


def test_debians_package_is_unpacked_into_the_cache_once(machine: Machine) -> None:
    machine.write("apt-get", DOWNLOADS)
    machine.write("dpkg", DPKG)
    found = machine.find()
    assert found == machine.cache / "headrace/prometheus/usr/bin/prometheus"
    assert machine.said[0].startswith("Downloading Prometheus")
    machine.said.clear()
    assert machine.find() == found
    assert machine.said == []
    assert machine.log.read_text().count("download prometheus") == 1
    assert [entry.name for entry in (machine.cache / "headrace").iterdir()] == ["prometheus"]


def test_a_long_download_is_not_silent(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.runtime.local.prometheus_binary._SILENCE", 0.05)
    machine.write("apt-get", DOWNLOADS + "sleep 0.3\n")
    machine.write("dpkg", DPKG)
    machine.find()
    assert "... apt-get is still running (0 MB so far)" in machine.said


def test_half_a_package_in_the_cache_is_replaced(machine: Machine) -> None:
    binary = machine.cache / "headrace/prometheus/usr/bin/prometheus"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\nexit 1\n")
    binary.chmod(0o755)
    machine.write("apt-get", DOWNLOADS)
    machine.write("dpkg", DPKG)
    assert machine.find() == binary
    assert binary.read_text() == WORKS


def test_when_nothing_helps_the_one_command_is_told(machine: Machine) -> None:
    machine.write("apt-get", FAILS)
    machine.write("dpkg", DPKG)
    with pytest.raises(SetupError) as caught:
        machine.find()
    assert "E: Unable to locate package prometheus" in str(caught.value)
    assert "apt-get install -y prometheus" in str(caught.value)
    # Only root may bring the lists of packages up to date.
    assert ("update" in machine.log.read_text().split()) == (os.geteuid() == 0)
    assert list((machine.cache / "headrace").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_told(machine: Machine) -> None:
    machine.cache.touch()
    machine.write("apt-get", DOWNLOADS)
    machine.write("dpkg", DPKG)
    with pytest.raises(SetupError, match="XDG_CACHE_HOME"):
        machine.find()


def test_the_set_up_only_looks_when_told_to_check(machine: Machine) -> None:
    command = [sys.executable, "-m", "headrace.runtime.local.prometheus_binary"]
    environ = {**os.environ, **machine.environ}
    missing = subprocess.run([*command, "--check"], env=environ, check=False)
    assert missing.returncode == 1
    machine.write("apt-get", DOWNLOADS)
    machine.write("dpkg", DPKG)
    made = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    assert "Downloading Prometheus" in made.stdout
    assert subprocess.run([*command, "--check"], env=environ, check=False).returncode == 0


def test_the_set_up_fails_with_the_sentence_that_says_what_to_do(machine: Machine) -> None:
    machine.write("apt-get", FAILS)
    machine.write("dpkg", DPKG)
    command = [sys.executable, "-m", "headrace.runtime.local.prometheus_binary"]
    environ = {**os.environ, **machine.environ}
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "Install it" in said.stderr
