"""A bundle in the very server that will serve it, as a process of this machine."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from headrace.api import ModelSpec
from headrace.errors import InvalidBundle, InvalidInput, PlatformUnavailable
from headrace.runtime.local.guardian import Guardian
from headrace.runtime.local.ports import LOOPBACK, Ports
from headrace.runtime.local.processes import Child, Command
from headrace.runtime.local.servers import Probe, Replica, seldon_arguments
from headrace.runtime.local.serving_environment import find_serving_environment
from headrace.serving.bundle import Bundle

START_SECONDS = 300.0
"""How long a server may take to start, on a machine that is busy."""

_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Served:
    """A server that answers.

    Attributes:
        url: Its address.
        seconds: How long it took to start.
    """

    url: str
    seconds: float


@contextmanager
def served(bundle: Bundle, folder: Path, handler: str) -> Iterator[Served]:
    """Serve a bundle until the block ends; whatever happens, the process is gone afterwards.

    Args:
        bundle: Which was read from the folder.
        folder: The bundle's.
        handler: The class that serves it; it is imported in the serving environment.

    Raises:
        SetupError: There is no serving environment.
        InvalidInput: The handler's name is none.
        InvalidBundle: The server refuses the bundle, with its reason.
        PlatformUnavailable: The server does not start in time, with what it wrote last.
    """
    model = _model(bundle, folder, handler)
    environment = find_serving_environment()
    began = time.monotonic()
    with ExitStack() as exit_stack:
        logs = Path(exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-")))
        ports = Ports()
        exit_stack.callback(ports.close)
        replica = Replica("server", *(ports.reserve() for _ in range(3)))
        guardian = Guardian(logs / "guard.log")
        guardian.start()
        exit_stack.callback(guardian.close)
        ports.hand_over(replica.ports)
        told = replica.environment("test/serving", model, folder, None)
        command = Command(
            seldon_arguments(environment)(model),
            logs / "server.log",
            {**os.environ, **told},
            Path.cwd(),
        )
        child = Child.start(command)
        exit_stack.callback(child.stop, _STOP_SECONDS)
        guardian.add(child.pid)
        _wait(child, Probe(replica, child.pid, model.version))
        yield Served(f"http://{LOOPBACK}:{replica.http}", time.monotonic() - began)


def _model(bundle: Bundle, folder: Path, handler: str) -> ModelSpec:
    signature = bundle.signature
    try:
        return ModelSpec(
            name=signature.name,
            version=signature.version,
            uri=folder.resolve().as_uri(),
            digest=bundle.digest,
            handler=handler,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"The {where} cannot be rolled out: {first['msg']}.") from error


def _wait(child: Child, probe: Probe) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not probe.ask():
        if child.poll() is not None:
            said = child.output(4000).strip()
            refused = [line for line in said.splitlines() if "headrace: refused:" in line]
            if refused:
                # The line has the error's type before its text.
                raise InvalidBundle(refused[-1].partition("refused: ")[2].partition(": ")[2])
            raise PlatformUnavailable(f"The model server ended by itself. It wrote last:\n{said}")
        if time.monotonic() > deadline:
            said = child.output(4000).strip()
            raise PlatformUnavailable(
                f"The model server did not start within {START_SECONDS:.0f} s. It wrote last:\n"
                f"{said}"
            )
        time.sleep(0.1)
