"""Where a laptop keeps a rollout: a folder that plays the part of the API server.

The user's document and the status are two files, so that the loop and the commands never write
the same one. Every write is atomic and reaches the disk before it is believed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import yaml
from pydantic import ValidationError

from headrace.api import ModelRollout, Status, load_rollout
from headrace.controller.wishes import ask_in, text_of
from headrace.engine.observations import Ask, Wish
from headrace.errors import Conflict, InvalidInput, NotFound, TemporaryError


@contextmanager
def owned(directory: Path) -> Iterator[None]:
    """Hold a folder against all other processes, as long as this one lives.

    Raises:
        Conflict: Another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise Conflict(
                f"Process {lock.read().strip() or '?'} already works in {directory}. "
                "Stop it first, or use another folder with HEADRACE_HOME."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class RolloutStore:
    """One rollout's folder."""

    def __init__(self, directory: Path) -> None:
        """Name the folder; it is made at the first write."""
        self.directory = directory
        self.rollout_file = directory / "rollout.yaml"
        self.journal_file = directory / "journal.jsonl"
        self._status_file = directory / "status.json"
        self._ask_file = directory / "ask.json"

    def read(self) -> ModelRollout:
        """Give the resource with its status.

        Raises:
            NotFound: Nothing was applied here.
            InvalidRollout: The document is not valid.
            InvalidInput: The status cannot be read.
        """
        rollout = load_rollout(self.rollout_file)
        return rollout.model_copy(update={"status": self._read_status()})

    def _read_status(self) -> Status:
        try:
            return Status.model_validate_json(self._status_file.read_bytes())
        except FileNotFoundError:
            return Status()
        except OSError as error:
            raise InvalidInput(f"{self._status_file} cannot be read: {error.strerror}.") from error
        except ValidationError as error:
            raise InvalidInput(
                f"The status in {self._status_file} cannot be read ({error.error_count()} faults). "
                "It was written by another version of Headrace or changed by hand: "
                "move the file away to start anew."
            ) from error

    def apply(self, rollout: ModelRollout) -> None:
        """Take over a document, as `kubectl apply` would; its status is not looked at."""
        document = rollout.model_dump(
            mode="json", exclude={"status"}, exclude_none=True, exclude_defaults=False
        )
        self._write(self.rollout_file, yaml.safe_dump(document, sort_keys=False))

    def write_status(self, status: Status) -> None:
        """Write the status.

        Raises:
            TemporaryError: The disk did not take it; nothing was lost of what was there.
        """
        self._write(self._status_file, status.model_dump_json())

    def ask(self, wish: Wish, by: str) -> None:
        """Leave a person's request for the loop to carry out."""
        self._write(self._ask_file, text_of(wish, by))

    def pending_ask(self) -> Ask | None:
        """Give the last request, whether or not it was carried out; the engine knows which.

        One that cannot be read is none.
        """
        try:
            return ask_in(self._ask_file.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            return None

    def _write(self, path: Path, text: str) -> None:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise TemporaryError(
                f"{path} could not be written: {error.strerror}. "
                "Free some space, or choose another folder with HEADRACE_HOME."
            ) from error

    def owned(self) -> AbstractContextManager[None]:
        """Hold the folder as the only loop that works on it; see `owned`."""
        return owned(self.directory)

    @property
    def is_running(self) -> bool:
        """Whether a loop works on the folder now."""
        try:
            with self.owned():
                return False
        except Conflict:
            return True


def find_store(home: Path, name: str | None) -> RolloutStore:
    """Find the rollout of this name, or the only one there is.

    Args:
        home: The folder of all rollouts, `<home>/<namespace>/<name>`.
        name: `name` or `namespace/name`; None for the only one.

    Raises:
        NotFound: There is none of this name, or none or several to choose from.
    """
    found = sorted(path.parent for path in home.glob("*/*/rollout.yaml"))
    names = [f"{path.parent.name}/{path.name}" for path in found]
    if name is not None:
        matching = [
            path for path, full in zip(found, names, strict=True) if name in (full, path.name)
        ]
        if len(matching) == 1:
            return RolloutStore(matching[0])
        known = ", ".join(names) or "none"
        raise NotFound(f"There is no rollout {name} in {home}. Known: {known}.")
    if len(found) == 1:
        return RolloutStore(found[0])
    if not found:
        raise NotFound(f"There is no rollout in {home}. Start one with `headrace up ROLLOUT.yaml`.")
    raise NotFound(f"There are several rollouts in {home}; name one of: {', '.join(names)}.")
