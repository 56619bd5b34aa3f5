"""Where the controller's resources are kept, as the fleet sees it: read all, write one status.

The API server is one such place. Whatever it is, a write is refused when somebody else has
changed the resource since it was read: of two controllers only one can decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from headrace.api import Condition, ModelRollout, Status
from headrace.engine.observations import Ask
from headrace.engine.suspension import INVALID_SPEC, STATUS_UNREADABLE


@dataclass(frozen=True, slots=True)
class Resource:
    """A ModelRollout as it was last read or written.

    Attributes:
        rollout: With the status that is kept.
        fence: Differs after every change by anybody.
        ask: A person's request, whether or not it was carried out.
        deleting: Since when it is being deleted, Unix seconds; None while it is not.
    """

    rollout: ModelRollout
    fence: str
    ask: Ask | None = None
    deleting: float | None = None

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return self.rollout.key

    @property
    def uid(self) -> str:
        """Tells it from another one of its name; empty where there are no others."""
        return self.rollout.uid

    @property
    def finalizers(self) -> tuple[str, ...]:
        """Who must let it go before it is gone."""
        return tuple((self.rollout.metadata.model_extra or {}).get("finalizers") or ())


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A ModelRollout that is no valid one; what it had made stays as it is.

    Attributes:
        key: `namespace/name`.
        fence: As of a resource.
        message: Every fault.
        status: The one that is kept; None where it is what cannot be read.
        generation: Of the spec, as Kubernetes counts.
        deleting: As of a resource.
        uid: The resource's identity.
        finalizers: Who must let it go before it is gone.
        takes_all: Whether everything that it has is deleted with it.
        conditions: Of a status that cannot be read, those that can be.
    """

    key: str
    fence: str
    message: str
    status: Status | None = None
    generation: int = 0
    deleting: float | None = None
    uid: str = ""
    finalizers: tuple[str, ...] = ()
    takes_all: bool = False
    conditions: tuple[Condition, ...] = ()

    @property
    def reason(self) -> str:
        """Why, in one CamelCase word."""
        return STATUS_UNREADABLE if self.status is None else INVALID_SPEC


class Resources(Protocol):
    """Keeps ModelRollouts."""

    def all(self) -> Mapping[str, Resource | Unreadable]:
        """Give what is there now, by `namespace/name`; cheap, and asks nobody."""
        ...

    def write(self, resource: Resource, status: Status) -> Resource:
        """Write a status over the one that was read.

        Raises:
            Conflict: Somebody has changed the resource since; it has to be judged anew.
            NotFound: It is gone.
            PlatformUnavailable: It could not be written this time.
        """
        ...

    def refuse(self, resource: Unreadable, status: Status) -> None:
        """Say in a resource's status why it cannot be read; raises like `write`."""
        ...

    def complain(self, resource: Unreadable, conditions: Sequence[Condition]) -> None:
        """Say in a status that cannot be read that it cannot, and leave all else in it as it is.

        Raises like `write`.
        """
        ...

    def let_go(self, resource: Resource | Unreadable) -> None:
        """Let a resource that is being deleted go; nobody looks after what it leaves behind.

        Raises:
            PlatformUnavailable: It could not be done this time.
        """
        ...
