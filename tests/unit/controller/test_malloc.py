"""What is freed is given back: seen from outside, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

ANSWERS = """
import psutil
from headrace.controller.malloc import tune

def resident() -> int:
    return psutil.Process().memory_info().rss

is_glibc = tune()
before = resident()
for _ in range(3):
    # As an answer comes, and is read: pieces, then all of it as text.
    body = bytearray()
    for _ in range(320):
        body += bytes(65536)
    text = body.decode()
    del body
    kept = [bytes(100_000)]
    del text
print(is_glibc, (resident() - before) // 1_000_000)
"""


def test_large_answers_are_given_back() -> None:
    said = subprocess.run(
        [sys.executable, "-c", ANSWERS], capture_output=True, text=True, check=True, timeout=60
    )
    is_glibc, left = said.stdout.split()
    assert is_glibc == str(platform.libc_ver()[0] == "glibc")
    assert int(left) < 10
