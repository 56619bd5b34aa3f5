"""Reservations on the real loopback interface."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from headrace.errors import Conflict
from headrace.runtime.local.ports import LOOPBACK, PortPool, Ports

pytestmark = pytest.mark.local


@pytest.fixture
def ports() -> Iterator[Ports]:
    found = Ports()
    yield found
    found.close()


def listen(address: str, port: int) -> socket.socket:
    """Listen as servers do."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen()
    return server


@pytest.mark.parametrize("address", [LOOPBACK, "0.0.0.0"])
def test_a_server_listens_on_a_port_that_was_handed_over(ports: Ports, address: str) -> None:
    port = ports.reserve()
    ports.hand_over([port])
    with listen(address, port), socket.create_connection((LOOPBACK, port), timeout=1):
        pass


def test_a_reserved_port_is_given_to_nobody_else(ports: Ports) -> None:
    mine = {ports.reserve() for _ in range(50)}
    assert len(mine) == 50
    others = Ports()
    assert not mine & {others.reserve() for _ in range(200)}
    others.close()


def test_a_port_with_a_server_is_refused(ports: Ports) -> None:
    with listen(LOOPBACK, 0) as server:
        port = server.getsockname()[1]
        with pytest.raises(Conflict, match=f"Port {port} of 127.0.0.1 cannot be had"):
            ports.reserve(port)


def test_a_port_that_was_just_in_use_can_be_had(ports: Ports) -> None:
    with listen(LOOPBACK, 0) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((LOOPBACK, port), timeout=1)
        connection, _ = server.accept()
        connection.close()  # the server's side closes first, and lingers in TIME_WAIT
        client.close()
    assert ports.reserve(port) == port


def test_a_pool_gives_every_port_once_and_grows_when_it_must(ports: Ports) -> None:
    pool = PortPool(ports, 2)
    first = pool.all
    taken = {pool.take() for _ in range(3)}
    assert len(taken) == 3
    assert taken >= set(first)
    assert set(pool.all) == taken
    pool.give(first[0])
    assert pool.take() == first[0]


def test_on_linux_a_port_stays_ours_while_its_server_is_dead(ports: Ports) -> None:
    port = ports.reserve()
    ports.hand_over([port])
    listen(LOOPBACK, port).close()
    held = socket.socket()
    try:
        # Without SO_REUSEADDR nobody binds beside a reservation.
        held.bind((LOOPBACK, port))
        is_ours = False
    except OSError:
        is_ours = True
    finally:
        held.close()
    assert is_ours == (sys.platform == "linux")
