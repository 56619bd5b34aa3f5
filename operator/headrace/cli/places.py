"""Where commands find a rollout: on this machine, or in a cluster."""

from __future__ import annotations

import getpass
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from headrace.api import ModelRollout
from headrace.cli.only_cluster import ONLY_CLUSTER
from headrace.controller.store import RolloutStore, find_store
from headrace.engine.observations import Wish
from headrace.errors import HeadraceError, NotFound

Command = TypeVar("Command", bound=Callable[..., Any])


class Place(Protocol):
    """Keeps one rollout."""

    @property
    def where(self) -> str:
        """Say where that is, as in `on this machine`."""
        ...

    @property
    def key(self) -> str:
        """`namespace/name`."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether somebody looks after it there now, as far as can be seen."""
        ...

    def read(self) -> ModelRollout:
        """Give the resource with its status.

        Raises:
            NotFound: It is not there.
            InvalidRollout: It is not valid.
        """
        ...

    def ask(self, wish: Wish) -> None:
        """Leave a request where the controller finds it at its next tick."""
        ...


class LocalPlace:
    """A rollout of `headrace up`."""

    def __init__(self, store: RolloutStore) -> None:
        """Take the folder."""
        self.store = store
        self.where = "on this machine"
        self.key = f"{store.directory.parent.name}/{store.directory.name}"

    @property
    def is_running(self) -> bool:
        """Whether its loop runs."""
        return self.store.is_running

    def read(self) -> ModelRollout:
        """Give the resource with its status."""
        return self.store.read()

    def ask(self, wish: Wish) -> None:
        """Leave a request for the loop."""
        self.store.ask(wish, person())


def home() -> Path:
    """Give the folder of all local rollouts: `HEADRACE_HOME`, else `.headrace` here."""
    return Path(os.environ.get("HEADRACE_HOME") or ".headrace")


def store_of(name: str | None) -> RolloutStore:
    """Find a rollout by name, or the only one; those of the demo are found by `demo`."""
    base = home()
    if name == "demo":
        return find_store(base / "demo", None)
    return find_store(base, name)


def person() -> str:
    """Give who is asking, for the history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rollout is meant, and where.

    Attributes:
        name: `name`, `namespace/name` or `demo`; None for the only one there is.
        namespace: In which namespace; empty for that of the context, or any on this machine.
        context: Of the kubeconfig; empty for the current one.
        local: Whether only this machine is meant.
        cluster: Whether only a cluster is meant.
    """

    name: str | None
    namespace: str = ""
    context: str = ""
    local: bool = False
    cluster: bool = False


def find_place(choice: Choice) -> Place:
    """Find a rollout: one that runs on this machine, else in the cluster, else on this machine.

    Says on standard error where it is.

    Raises:
        NotFound: There is none, or none of several was named.
        SetupError: A cluster is meant, and none is configured.
        PlatformUnavailable: A cluster is meant, and does not answer.
    """
    place = _find(choice)
    click.echo(f"headrace: {place.where}", err=True)
    return place


def _find(choice: Choice) -> Place:
    if choice.local or choice.name == "demo":
        return LocalPlace(store_of(_local_name(choice)))
    if choice.cluster or choice.context:
        return _in_cluster(choice)
    missing: NotFound | None = None
    try:
        here = LocalPlace(store_of(_local_name(choice)))
    except NotFound as error:
        missing = error
    if missing is None and here.is_running:
        return here
    if not _is_configured():
        if missing is not None:
            raise missing
        return here
    try:
        return _in_cluster(choice)
    except HeadraceError as error:
        if missing is None:
            return here
        if isinstance(error, NotFound):
            raise NotFound(f"{error} Nor on this machine: {missing}") from error
        raise


def _local_name(choice: Choice) -> str | None:
    if choice.namespace and choice.name and "/" not in choice.name:
        return f"{choice.namespace}/{choice.name}"
    return choice.name


def _is_configured() -> bool:
    """Tell whether there may be a cluster, without asking for it."""
    if "KUBECONFIG" in os.environ or "KUBERNETES_SERVICE_HOST" in os.environ:
        return True
    return (Path.home() / ".kube" / "config").is_file()


def _in_cluster(choice: Choice) -> Place:
    # The Kubernetes client takes long to import, and a laptop need not have it.
    from headrace.cli.clusters import find_in_cluster

    return find_in_cluster(choice.name, choice.namespace, choice.context)


def placed(command: Command) -> Command:
    """Give a command the arguments that say which rollout is meant, as one `choice`."""

    def with_choice(
        name: str | None, namespace: str, context: str, local: bool, **others: Any
    ) -> Any:
        cluster = click.get_current_context().find_root().obj == ONLY_CLUSTER
        return command(choice=Choice(name, namespace, context, local, cluster), **others)

    with_choice.__name__ = command.__name__
    with_choice.__doc__ = f"{inspect.cleandoc(command.__doc__ or '')}\n\n{_WHICH}"
    if hasattr(command, "__click_params__"):
        with_choice.__click_params__ = command.__click_params__  # type: ignore[attr-defined]
    decorated: Any = with_choice
    for option in (_LOCAL, _CONTEXT, _NAMESPACE, _NAME):
        decorated = option(decorated)
    found: Command = decorated
    return found


_WHICH = "NAME is `name` or `namespace/name`; without it, the only rollout there is."
_NAME = click.argument("name", required=False)
_NAMESPACE = click.option(
    "-n", "--namespace", default="", help="Its namespace; by default that of the context."
)
_CONTEXT = click.option("--context", default="", help="The context of the kubeconfig that has it.")
_LOCAL = click.option("--local", is_flag=True, help="Only look on this machine.")
