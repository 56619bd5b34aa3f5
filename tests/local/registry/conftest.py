"""A registry of MLflow for a test: a copy of one that is made once."""

from __future__ import annotations

import io
import logging
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from headrace.errors import NotFound
from headrace.registry import Registry


@dataclass(frozen=True)
class Made:
    database: Path
    said: str


class Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    # MLflow takes seconds to make a database, so it is made once and copied.
    path = tmp_path_factory.mktemp("mlflow") / "registry.db"
    listener, output = Listener(), io.StringIO()
    loggers = [logging.getLogger(name) for name in ("", "mlflow", "alembic")]
    for logger in loggers:
        logger.addHandler(listener)
    try:
        with redirect_stdout(output), redirect_stderr(output), pytest.raises(NotFound):
            Registry(f"sqlite:///{path}").promote("flight-delay", "1")
    finally:
        for logger in loggers:
            logger.removeHandler(listener)
    return Made(path, output.getvalue() + "\n".join(listener.messages))


@pytest.fixture
def uri(made: Made, tmp_path: Path) -> str:
    shutil.copy(made.database, tmp_path / "registry.db")
    return f"sqlite:///{tmp_path / 'registry.db'}"
