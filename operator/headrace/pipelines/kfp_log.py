"""Read what `kfp.local` logs, in words that carry no colour codes.

KFP tells the progress of a local run in its log only, so this is where its wording is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.pipelines.kfp_process import OUTPUTS_PREFIX

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STARTED = re.compile(r"Executing task '([^']+)'")
_FINISHED = re.compile(r"Task '([^']+)' finished with status (SUCCESS|FAILURE)")
_CONDITION = re.compile(r"Condition evaluation failed|Could not resolve ")
_DUMP = re.compile(r"\[KFP Executor .*\]: Got executor_input:$")
_OF_KFP = re.compile(r"^\s*\[KFP (Executor|Worker)|^\d\d:\d\d:\d\d\.\d+ - |^-+$|^\s*$")


@dataclass(frozen=True)
class Started:
    """A task began."""

    task: str


@dataclass(frozen=True)
class Finished:
    """A task ended; `succeeded` says how."""

    task: str
    succeeded: bool


@dataclass(frozen=True)
class Undecided:
    """A condition could not be evaluated, which KFP takes for false without failing."""

    text: str


@dataclass(frozen=True)
class Outputs:
    """The pipeline ended; `text` is JSON with its outputs."""

    text: str


@dataclass(frozen=True)
class Said:
    """A task wrote a line of its own."""

    text: str


Event = Started | Finished | Undecided | Outputs | Said


class LogReader:
    """Reads one run's log line by line."""

    def __init__(self) -> None:
        self._dump_indent: int | None = None

    def read(self, line: str) -> Event | None:
        """Say what the next line means; None for KFP's own talk."""
        text = _COLOUR.sub("", line).rstrip()
        if self._in_dump(text):
            return None
        if text.startswith(OUTPUTS_PREFIX):
            return Outputs(text.removeprefix(OUTPUTS_PREFIX))
        if match := _FINISHED.search(text):
            return Finished(match[1], match[2] == "SUCCESS")
        if match := _STARTED.search(text):
            return Started(match[1])
        if _CONDITION.search(text):
            return Undecided(text)
        return None if _OF_KFP.search(text) else Said(text.strip())

    def _in_dump(self, text: str) -> bool:
        """Follow the JSON of a task's input, which KFP logs over many lines."""
        if self._dump_indent is None:
            if _DUMP.search(text):
                self._dump_indent = len(text) - len(text.lstrip())
                return True
            return False
        if text == " " * self._dump_indent + "}":
            self._dump_indent = None
        return True
