"""`headrace judge --stdio` as a process: it answers at once, and ends without a word."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.local


@pytest.fixture
def judge() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "headrace.cli.main", "judge", "--stdio"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        yield process
        process.kill()


def say(process: subprocess.Popen[bytes], line: bytes) -> object:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def test_each_line_is_answered_before_the_next_is_sent(judge: subprocess.Popen[bytes]) -> None:
    assert say(judge, b'{"op": "reset"}') == {"ok": True}
    for line in (b"\xff\xfe{", b"a\rb", b'{"op": "observe"}'):
        answer = say(judge, line)
        assert isinstance(answer, dict)
        assert set(answer) == {"error"}
    assert say(judge, b'{"op": "reset"}\r') == {"ok": True}


def test_at_the_end_of_its_input_it_ends_well(judge: subprocess.Popen[bytes]) -> None:
    assert judge.communicate(b'{"op": "reset"}\n', timeout=300) == (b'{"ok": true}\n', b"")
    assert judge.returncode == 0


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_when_it_is_stopped_it_says_nothing(judge: subprocess.Popen[bytes], by: int) -> None:
    say(judge, b'{"op": "reset"}')
    judge.send_signal(by)
    assert judge.communicate(timeout=300) == (b"", b"")
    assert judge.returncode == 130


def test_when_nobody_reads_it_ends_quietly(judge: subprocess.Popen[bytes]) -> None:
    say(judge, b'{"op": "reset"}')
    assert judge.stdout is not None
    judge.stdout.close()
    assert judge.stdin is not None
    assert judge.stderr is not None
    judge.stdin.write(b'{"op": "reset"}\n' * 3)
    judge.stdin.close()
    assert judge.stderr.read() == b""
    assert judge.wait(timeout=300) == 0
