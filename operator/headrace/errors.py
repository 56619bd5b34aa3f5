"""Every error that Headrace raises, in one tree.

The type says whether a retry makes sense; the text says what was wrong, where, what was expected
and what to do::

    HeadraceError
    ├── PermanentError            stays as it is until somebody changes something
    │   ├── InvalidInput          what the user gave us; the command exits with 2
    │   │   ├── InvalidRollout    a ModelRollout with faults, all of them at once
    │   │   ├── InvalidBundle     a packaged model that cannot be served as it is
    │   │   │   └── DigestMismatch    its bytes are not those that were registered
    │   │   └── InvalidData       a data set that cannot be trained on
    │   ├── NotFound              a named thing (rollout, version, file) is not there
    │   ├── Conflict              another process owns what we were asked to change
    │   └── SetupError            this machine lacks something; the text has the one command to run
    └── TemporaryError            the same call may work later; `retry_after` says when to try
        ├── MetricsUnavailable    Prometheus did not answer, or answered with an error
        └── PlatformUnavailable   the cluster or a local process did not do as asked

This module imports nothing, so that the serving image can use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class HeadraceError(Exception):
    """The root. `str(error)` is meant for people: one or a few plain sentences."""


class PermanentError(HeadraceError):
    """A retry makes no sense until somebody changes something."""


class InvalidInput(PermanentError):
    """What the user gave is wrong. Commands exit with 2 and have started nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a document.

    Attributes:
        path: Where, as in `spec.strategy.canary.steps[1].weight`.
        problem: What is wrong, as a phrase, with the value that was found.
        expected: What would have been right.
        example: A line that could be written instead; empty where none helps.
    """

    path: str
    problem: str
    expected: str = ""
    example: str = ""

    def __str__(self) -> str:
        """Give the fault as a person would say it."""
        text = f"{self.path}: {self.problem}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.example:
            text += f", for example `{self.example}`"
        return text


class InvalidRollout(InvalidInput):
    """A ModelRollout with faults; `faults` has every one of them, in the document's order.

    `lines` says where they stand in the file, fault by fault; it is empty where there is no file.
    """

    def __init__(self, source: str, faults: Sequence[Fault], lines: Sequence[int] = ()) -> None:
        self.source = source
        self.faults = tuple(faults)
        self.lines = tuple(lines)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        places = [f"line {line}: " for line in self.lines] or [""] * len(self.faults)
        said = (f"{place}{fault}" for place, fault in zip(places, self.faults, strict=True))
        super().__init__("\n  ".join([f"{source} is not a valid ModelRollout: {count}", *said]))


class InvalidBundle(InvalidInput):
    """A packaged model that cannot be served as it is."""


class DigestMismatch(InvalidBundle):
    """A bundle's bytes are not those that were registered."""

    def __init__(self, where: str, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(
            f"The bundle at {where} has digest {found}, but {expected} was registered. "
            "It was changed after packaging, or the rollout names another bundle: "
            "package it again, or correct spec.model.digest."
        )


class InvalidData(InvalidInput):
    """A data set that cannot be trained on."""


class NotFound(PermanentError):
    """A named thing (rollout, version, file) is not there."""


class Conflict(PermanentError):
    """Another process owns what we were asked to change."""


class SetupError(PermanentError):
    """This machine lacks something; the text has the one command to run."""


class TemporaryError(HeadraceError):
    """The same call may work later.

    Attributes:
        retry_after: Seconds to wait before the next try, > 0.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class MetricsUnavailable(TemporaryError):
    """Prometheus did not answer, or answered with an error. Never a reason to roll back."""


class PlatformUnavailable(TemporaryError):
    """The cluster or a local process did not do as asked."""
