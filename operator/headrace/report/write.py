"""Puts a report on the disk: each file is there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from headrace.errors import TemporaryError
from headrace.report.charts import overview
from headrace.report.html import render_html
from headrace.report.report import Report


def write_report(directory: Path, report: Report) -> tuple[Path, Path]:
    """Write `report.html` and `report.json`.

    Args:
        directory: Made when it is not there.
        report: What to tell.

    Returns:
        The paths of both, the page first.

    Raises:
        TemporaryError: The disk did not take them; what was there before is as it was.
    """
    page, data = directory / "report.html", directory / "report.json"
    _write(data, (report.model_dump_json(indent=2) + "\n").encode())
    _write(page, render_html(report).encode())
    return page, data


def write_picture(path: Path, report: Report) -> Path:
    """Write an overview of the last releases as a PNG of 1600 by 900 pixels.

    Raises:
        TemporaryError: The disk did not take it.
    """
    _write(path, overview(report))
    return path


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise TemporaryError(
            f"The report {path} could not be written: {error.strerror}. "
            "Free some space, or choose another folder."
        ) from error
