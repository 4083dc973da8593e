"""The HTTP server: uvicorn on the loop that is there already, without its signals, its log and its process."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vsm_server.security.certificates import Certificates
from vsm_server.web.pages import Pages

SHUTDOWN_TIMEOUT_S = 1
KEEP_ALIVE_S = 5
CONNECTIONS_MAX = 1_000  # connections by HTTP at once
HOST_CONNECTIONS_MAX = 200  # connections by HTTP of one host at once
EXCHANGE_MAX_S = 15.0  # that a connection by HTTP may take from one answer to the end of the next
_BACKLOG = 128


class _Quiet(uvicorn.Server):
    """Leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Connection(H11Protocol):
    """Closed when it asks nothing, or takes no answer, for EXCHANGE_MAX_S: who stands still keeps nobody out."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the library
        super().connection_made(transport)
        self._wait()
        host = self.client and self.client[0]
        ours = (one for one in self.connections if isinstance(one, _Connection) and one.client)
        if sum(one.client[:1] == (host,) for one in ours if one.client) > HOST_CONNECTIONS_MAX:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
        self._overdue = self.loop.call_later(EXCHANGE_MAX_S, self.transport.abort)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Fails with OSError when the address is taken."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)  # noqa: FBT003
    return listening


class _Present:
    """Gives each new connection the certificate in use; asked at the client's first message, with a server name in it or without."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    def __call__(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _first: ssl.SSLContext) -> None:
        connection.context = self._certificates.material.http_context


def _first_context(certificates: Certificates) -> ssl.SSLContext:
    context = certificates.material.http_context
    context.sni_callback = _Present(certificates)
    return context


class WebServer:
    """Serves pages on a bound socket until it is closed; with certificates by TLS."""

    def __init__(self, pages: Pages, listening: socket.socket, certificates: Certificates | None = None) -> None:
        config = uvicorn.Config(
            pages,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http=_Connection,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        )
        if certificates is not None:
            config.load()
            config.ssl = _first_context(certificates)
        self._listening = listening
        self._server = _Quiet(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is taken."""
        port: int = self._listening.getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.create_task(self._server.serve([self._listening]))

    async def close(self) -> None:
        """Answer what is being answered, then let go of the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._listening.close()
