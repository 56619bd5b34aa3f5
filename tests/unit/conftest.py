"""No collection of garbage in the middle of a unit test.

A finalizer of something else that happens to run while a test is at the bottom of a recursion fails
there, and the failure would be told of that test.
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
