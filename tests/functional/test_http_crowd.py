"""Connections by HTTP that say nothing, or nonsense."""

import asyncio
import socket
import urllib.request
from contextlib import ExitStack

from tests.functional.conftest import ServerFactory
from tests.fuzz.http2 import connect
from vsm_server.web.server import CONNECTIONS_MAX


def _status(address: str) -> int:
    with urllib.request.urlopen(f"http://{address}/healthz", timeout=10) as answer:
        status: int = answer.status
    return status


def _silent(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), 10, source_address=("127.0.0.2", 0))


async def test_silent_connections_of_one_host_keep_nobody_out(server_factory: ServerFactory) -> None:
    """While a host holds open as many connections as it can, and says nothing, another asks for health and gets an answer."""
    server = server_factory()
    with ExitStack() as held:
        for _ in range(CONNECTIONS_MAX + 5):
            held.enter_context(await asyncio.to_thread(_silent, server.http_address))
        assert await asyncio.to_thread(_status, server.http_address) == 200


def test_nonsense_is_not_logged(server_factory: ServerFactory) -> None:
    """Whoever sends what is no HTTP writes no line into the log."""
    server = server_factory()
    with connect(server.http_address) as garbage:
        garbage.sendall(b"garbage\r\n\r\n")
        assert garbage.recv(1000).startswith(b"HTTP/1.1 400")
    assert "uvicorn" not in server.stderr.read_text()
