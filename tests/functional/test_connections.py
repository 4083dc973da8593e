"""The bounds of connections, as clients see them: number, streams, age, idleness, handshake, pings."""

import asyncio
import json
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import h2.connection
import pytest
from vsm.v1 import algedonic_pb2, subsystem_pb2
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.operations_pb2 import GetUnitRequest
from vsm.v1.system_pb2 import GetVersionsRequest

from tests.functional.conftest import ServerFactory, arguments
from tests.functional.test_client_live import client_of
from tests.functional.wire import Wire, end_of, followed, read_one, refusal, wait_until
from vsm_client.channel import KEEPALIVE_TIME_MS
from vsm_client.channel import OPTIONS as CLIENT_OPTIONS
from vsm_server.rpc.server import HANDSHAKE_TIMEOUT_S, OPTIONS, PING_INTERVAL_MIN_MS, Connections, make_server

HOME = "systems/default"
LAST = "the last"
LASTING = Connections(age_s=0, idle_s=0, count_max=10, streams_max=10)
SCALE = 20  # of times, so that a test need not wait for as long as a client would
PING_EVERY_MS_MIN = 1_000  # the library pings no more often, whatever it is told


class Held(grpc.GenericRpcHandler):
    """Answers a call with the address of who calls, and holds a stream until it is cancelled."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        async def hold(_: bytes, context: Any) -> None:
            await context.write(b"")
            await asyncio.Event().wait()

        async def answer(_: bytes, context: Any) -> bytes:
            return str(context.peer()).encode()

        make: Any = grpc
        return make.unary_stream_rpc_method_handler(hold) if details.method == "/t/Hold" else make.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def running(server: grpc.aio.Server) -> AsyncIterator[str]:
    """A server of this process under way; its address."""
    server.add_generic_rpc_handlers((Held(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=5)


async def hung_up(connection: socket.socket, within_s: float = 5) -> bool:
    """Whether the server closes the connection in time; what it said before is passed over."""
    connection.setblocking(False)
    try:
        async with asyncio.timeout(within_s):
            while await asyncio.get_running_loop().sock_recv(connection, 4_096):
                pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True


async def test_a_connection_too_many_is_closed_at_once(server_factory: ServerFactory) -> None:
    """Beyond connections_max a client is hung up on, its call UNAVAILABLE; those that are there go on, and a place that is left is free."""
    server = server_factory("--in-memory", "--connections-max", "3")
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(server.channel())
        wire = Wire(first, server.token)
        watch = await stack.enter_async_context(followed(wire.follow(wire.algedonic.WatchSignals, WatchSignalsRequest(parent=HOME))))
        await read_one(watch)
        others = [stack.enter_context(connect(server.grpc_address)) for _ in range(2)]
        assert not await hung_up(others[0], 0.3)
        assert await hung_up(stack.enter_context(connect(server.grpc_address)))
        late = Wire(await stack.enter_async_context(server.channel()), server.token)
        assert (await refusal(late.ask(late.systems.GetVersions, GetVersionsRequest()))).code is grpc.StatusCode.UNAVAILABLE
        assert (await wire.ask(wire.systems.GetVersions, GetVersionsRequest())).server_version
        others[1].close()

        async def served() -> bool:
            async with server.channel() as channel:
                again = Wire(channel, server.token)
                try:
                    return bool((await again.ask(again.systems.GetVersions, GetVersionsRequest())).server_version)
                except grpc.aio.AioRpcError:
                    return False

        assert await wait_until(served)
        assert not watch.done()


async def test_streams_too_many_wait(server_factory: ServerFactory) -> None:
    """Beyond connection_streams_max a call waits in the client until one on its connection has ended."""
    server = server_factory("--in-memory", "--connection-streams-max", "2")
    async with server.channel() as channel:
        wire = Wire(channel, server.token)
        watches = [wire.follow(wire.algedonic.WatchSignals, WatchSignalsRequest(parent=HOME)) for _ in range(2)]
        for watch in watches:
            await read_one(watch)
        waiting = asyncio.create_task(wire.ask(wire.systems.GetVersions, GetVersionsRequest()))
        assert not (await asyncio.wait([waiting], timeout=0.3))[0]
        watches[0].cancel()
        assert (await asyncio.wait_for(waiting, 5)).server_version
        watches[1].cancel()


async def test_a_monstrous_token_disturbs_nobody(server_factory: ServerFactory) -> None:
    """A token of a megabyte is RESOURCE_EXHAUSTED; an open stream and calls of the same connection go on."""
    server = server_factory("--in-memory")
    async with server.channel() as channel:
        wire = Wire(channel, server.token)
        async with followed(wire.follow(wire.algedonic.WatchSignals, WatchSignalsRequest(parent=HOME))) as watch:
            await read_one(watch)
            monstrous = wire.holding("x" * 1_000_000)
            asking = [monstrous.ask(monstrous.operations.GetUnit, GetUnitRequest(name="x")) for _ in range(5)]
            assert {(await refusal(call)).code for call in asking} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
            assert (await wire.ask(wire.systems.GetVersions, GetVersionsRequest())).server_version
            await wire.ask(wire.algedonic.RaiseSignal, cry("after"))
            assert [one.description for one in (await read_one(watch)).signals] == ["after"]


def cry(description: str) -> algedonic_pb2.RaiseSignalRequest:
    signal = algedonic_pb2.Signal(source=description, description=description, severity=subsystem_pb2.SEVERITY_LOW)
    return algedonic_pb2.RaiseSignalRequest(parent=HOME, signal=signal)


@pytest.mark.slow
async def test_age_fails_no_call_and_loses_nothing(server_factory: ServerFactory) -> None:
    """While connections end at an age of a second, calls by the client's own settings all succeed, and a watch has each signal once."""
    server = server_factory("--in-memory", "--connection-age-s", "1")
    async with client_of(server) as client:
        raised: list[str] = []
        seen: list[str] = []
        async with client.watch_signals(HOME) as watch:

            async def take() -> None:
                while LAST not in seen:
                    seen.append((await anext(watch)).description)

            taking = asyncio.create_task(take())
            end_s = time.monotonic() + 3.5
            while time.monotonic() < end_s:
                await asyncio.gather(*(client.systems.GetVersions(GetVersionsRequest()) for _ in range(5)))
                raised.append(f"signal-{len(raised)}")
                await client.algedonic.RaiseSignal(cry(raised[-1]))
                await asyncio.sleep(0.02)
            await client.algedonic.RaiseSignal(cry(LAST))
            await asyncio.wait_for(taking, 10)
            assert watch.streams >= 3
    assert seen == [*raised, LAST]


async def test_a_stream_of_age_is_told(server_factory: ServerFactory) -> None:
    """A stream ends at connection_age_s with DRAINING and the token to go on from, not by a cut."""
    server = server_factory("--in-memory", "--connection-age-s", "0.5")
    async with server.channel() as channel:
        wire = Wire(channel, server.token)
        ended = await end_of(wire.follow(wire.algedonic.WatchSignals, WatchSignalsRequest(parent=HOME)))
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert ended.end is not None
    assert ended.end.resume_token


async def test_an_idle_connection_is_closed() -> None:
    """A connection on which nothing was called for connection_idle_s is closed in peace; the next call makes another."""
    async with running(make_server([], replace(LASTING, idle_s=0.3))) as address, grpc.aio.insecure_channel(address) as channel:
        who: Any = channel.unary_unary("/t/Who")
        first = await who(b"")
        async with asyncio.timeout(5):
            while (state := channel.get_state()) is grpc.ChannelConnectivity.READY:
                await channel.wait_for_state_change(state)
        assert await who(b"") != first


async def test_a_busy_connection_ends_at_its_age() -> None:
    """A connection on which call follows call is followed by another at its age, and no call fails."""
    async with running(make_server([], replace(LASTING, age_s=0.3))) as address, grpc.aio.insecure_channel(address) as channel:
        who: Any = channel.unary_unary("/t/Who")
        async with asyncio.timeout(5):
            first = await who(b"")
            while await who(b"") == first:
                pass


async def test_a_connection_that_says_nothing_is_closed() -> None:
    """Whoever connects and does not begin to speak HTTP/2 loses the place after the time for the handshake."""
    async with running(make_server([], replace(LASTING, handshake_timeout_s=0.3))) as address:
        with connect(address) as silent:
            begun_s = time.monotonic()
            assert await hung_up(silent)
    assert time.monotonic() - begun_s < HANDSHAKE_TIMEOUT_S


@pytest.mark.slow
@pytest.mark.parametrize("allowed", [True, False])
async def test_pings_of_the_client_are_welcome(*, allowed: bool) -> None:
    """A client with the published keepalive keeps its idle stream; of a server that does not allow so many pings it would be turned out."""
    interval = "grpc.http2.min_ping_interval_without_data_ms"
    options = [(name, value // SCALE if name == interval else value) for name, value in OPTIONS if allowed or name != interval]
    assert ((interval, PING_INTERVAL_MIN_MS // SCALE) in options) == allowed
    keepalive_ms = KEEPALIVE_TIME_MS // SCALE
    assert keepalive_ms == PING_EVERY_MS_MIN
    settings = (
        *((name, value) for name, value in CLIENT_OPTIONS if "keepalive_time" not in name),
        ("grpc.keepalive_time_ms", keepalive_ms),
    )
    async with (
        running(grpc.aio.server(options=options)) as address,
        grpc.aio.insecure_channel(address, options=(*settings, ("grpc.use_local_subchannel_pool", 1))) as channel,
    ):
        held: Any = channel.unary_stream("/t/Hold")
        call = held(b"")
        await read_one(call)
        end: asyncio.Task[Any] = asyncio.create_task(call.read())
        ended, _ = await asyncio.wait([end], timeout=6 * keepalive_ms / 1000)
        assert bool(ended) != allowed
        call.cancel()
        outcome: Any = (await asyncio.gather(end, return_exceptions=True))[0]
    if not allowed:
        assert isinstance(outcome, grpc.aio.AioRpcError)
        assert (outcome.code(), outcome.details()) == (grpc.StatusCode.UNAVAILABLE, "Too many pings")


def _standing_still(address: str) -> socket.socket:
    """A connection that opens a stream by hand, and does nothing more: it reads nothing and answers no ping."""
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host, int(port)))
    wire = h2.connection.H2Connection()
    wire.initiate_connection()
    headers = [(":method", "POST"), (":scheme", "http"), (":path", "/t/Hold"), (":authority", address), ("te", "trailers")]
    wire.send_headers(1, [*headers, ("content-type", "application/grpc")])
    wire.send_data(1, bytes(5), end_stream=True)
    sock.sendall(wire.data_to_send())
    return sock


def _closed_after_s(sock: socket.socket, within_s: float) -> float:
    """Time until the other side closes; fails with TimeoutError."""
    begin_s = time.monotonic()
    sock.settimeout(within_s)
    with suppress(ConnectionResetError):
        while sock.recv(65_536):
            pass
    return time.monotonic() - begin_s


async def test_client_that_stands_still_is_let_go() -> None:
    """A connection whose client answers no ping is closed, and its stream ended, though a ping of the library's own is out already."""
    scaled = {"grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms"}
    assert scaled < {name for name, _ in OPTIONS}
    options = [(name, value // SCALE if name in scaled else value) for name, value in OPTIONS]
    async with running(grpc.aio.server(options=options)) as address:
        with _standing_still(address) as sock:
            took_s = await asyncio.to_thread(_closed_after_s, sock, 10.0)
    assert took_s < 5


@pytest.mark.parametrize(("bounds", "homeless"), [("-Sn 256", 0), ("-n 1000", 7 + 1_000 + 256 - 1_000)])
def test_open_files_are_allowed_for_connections(tmp_path: Path, bounds: str, homeless: int) -> None:
    """The soft bound of open files is raised to what the connections need; where the hard one forbids that, a warning says so."""
    command = arguments(tmp_path / "data", ["--in-memory", "--connections-max", "7"])
    process = subprocess.Popen(
        ["/bin/bash", "-c", f'ulimit {bounds}; exec "$@"', "-", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    (allowed,) = re.findall(r"Max open files +(\d+)", Path(f"/proc/{process.pid}/limits").read_text())
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert int(allowed) == 7 + 1_000 + 256 - homeless
    warned = [json.loads(line).get("connections_without_room", 0) for line in errors.splitlines()]
    assert max(warned) == homeless
