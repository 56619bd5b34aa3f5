"""Ports of the loopback interface that nobody else gets.

A port is reserved by a socket that is bound to it and never listens. The system gives such a port
to nobody who asks for any free one, so two platforms beside each other never collide. On Linux a
server may listen beside the reservation (both say SO_REUSEADDR, as Envoy, Prometheus and gunicorn
do), so it is held for as long as the port is ours, also while a dead server waits for its restart.
Elsewhere it is given up when the server starts; a server that then finds its port taken ends, and
is started again.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable

from headrace.errors import Conflict, PlatformUnavailable

LOOPBACK = "127.0.0.1"


class Ports:
    """The reservations of one platform."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}

    def reserve(self, port: int = 0) -> int:
        """Reserve a port.

        Args:
            port: Which; 0 for any free one.

        Raises:
            Conflict: Another process has it.
            PlatformUnavailable: There is none to be had.
        """
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((LOOPBACK, port))
        except OSError as error:
            holder.close()
            if port and error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise Conflict(
                    f"Port {port} of {LOOPBACK} cannot be had ({error.strerror}): stop the process "
                    "that has it, or choose another port, or 0 for any free one."
                ) from error
            raise PlatformUnavailable(f"No port can be had: {error.strerror}.") from error
        number = int(holder.getsockname()[1])
        self._sockets[number] = holder
        return number

    def hand_over(self, ports: Iterable[int]) -> None:
        """Let a server that starts now listen on ports that are reserved."""
        if sys.platform != "linux":
            self.release(ports)

    def release(self, ports: Iterable[int]) -> None:
        """Give ports back."""
        for port in ports:
            holder = self._sockets.pop(port, None)
            if holder is not None:
                holder.close()

    def close(self) -> None:
        """Give all ports back."""
        self.release(list(self._sockets))


class PortPool:
    """Ports that Prometheus knows before anybody listens on them.

    It looks at a new target only 5 to 10 seconds after it was told of it. A target that is there
    from the start is scraped from its server's first second.

    Args:
        ports: Where they come from.
        size: How many are told in advance; more are made as they are needed.
    """

    def __init__(self, ports: Ports, size: int) -> None:
        self._ports = ports
        self._free = [ports.reserve() for _ in range(size)]
        self._taken: list[int] = []

    @property
    def all(self) -> tuple[int, ...]:
        """Every port, taken or not."""
        return tuple(sorted(self._taken + self._free))

    def take(self) -> int:
        """Take one.

        Raises:
            PlatformUnavailable: There is none to be had.
        """
        if not self._free:
            self._free.append(self._ports.reserve())
        port = self._free.pop(0)
        self._taken.append(port)
        return port

    def give(self, port: int) -> None:
        """Give one back; it stays ours."""
        self._taken.remove(port)
        self._free.append(port)
