"""A thousand watchers are told, those that do not read harm nobody, and those that vanish leave nothing behind."""

import asyncio
import http.client
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any
from uuid import uuid4

import grpc
import psutil
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.system_pb2 import WatchLogRequest

from tests.functional.conftest import Server, ServerFactory
from tests.functional.signals_over_wire import cry, pain, signals
from tests.functional.wire import CALL_TIMEOUT_S, Refused, Wire, columns, end_of, followed, position, read_one, read_refusal, wait_until

STREAMS_PER_SUBJECT_MAX = 1_000
CONNECTIONS = 10
Watch = grpc.aio.UnaryStreamCall[Any, Any]
VALUES = [float(number) for number in range(10_000)]


async def watching(vsm: Wire, parent: str, count: int) -> list[Watch]:
    """Watches that have had their first response."""
    calls = [vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent)) for _ in range(count)]
    await asyncio.gather(*(read_one(call) for call in calls))
    return calls


async def told(call: Watch) -> str:
    """The name of the next signal."""
    while not (response := await read_one(call)).signals:
        pass
    (one,) = response.signals
    return str(one.name)


async def opens(caller: Wire, parent: str) -> bool:
    """Whether the caller may open one more watch."""
    call = caller.follow(caller.algedonic.WatchSignals, WatchSignalsRequest(parent=parent))
    try:
        await read_one(call)
    except grpc.aio.AioRpcError as error:
        if read_refusal(error).reason != "LIMIT_REACHED":
            raise
        return False
    finally:
        call.cancel()
    return True


async def test_a_thousand_watches_of_a_subject_are_told_and_one_more_is_refused(server_factory: ServerFactory) -> None:
    """All of 1,000 watches get every signal; the next is LIMIT_REACHED while others open theirs; with those gone it opens."""
    server = server_factory()
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(server.channel()) for _ in range(CONNECTIONS)]
        vsm = Wire(await stack.enter_async_context(server.channel()), server.token)
        parent = await vsm.found()
        caller = await vsm.narrowed("crowd", scopes=["algedonic.read"], systems=[parent])
        calls: list[Watch] = []
        for channel in channels:
            calls += await watching(Wire(channel, caller.token), parent, STREAMS_PER_SUBJECT_MAX // CONNECTIONS)
        first = (await cry(vsm, parent, pain())).signal.name
        assert set(await asyncio.gather(*map(told, calls))) == {first}
        refused = await end_of(caller.follow(caller.algedonic.WatchSignals, WatchSignalsRequest(parent=parent)))
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED")
        assert refused.about["value"] == str(STREAMS_PER_SUBJECT_MAX)
        other = await vsm.narrowed("alone", scopes=["algedonic.read"], systems=[parent])
        calls += await watching(other, parent, 1)
        second = (await cry(vsm, parent, pain())).signal.name
        assert set(await asyncio.gather(*map(told, calls))) == {second}
        for call in calls:
            call.cancel()
        assert await wait_until(lambda: opens(caller, parent))


async def _read_to_end(call: Watch) -> tuple[list[int], Refused]:
    read: list[int] = []
    try:
        while True:
            read += [entry.sequence for entry in (await read_one(call)).entries]
    except grpc.aio.AioRpcError as error:
        return read, read_refusal(error)


async def _sequences(vsm: Wire, request: WatchLogRequest, until: int) -> list[int]:
    read: list[int] = []
    async with followed(vsm.follow(vsm.systems.WatchLog, request)) as call:
        while not read or read[-1] < until:
            read += [entry.sequence for entry in (await read_one(call)).entries]
    return read


async def test_readers_that_do_not_read_harm_nobody(server_factory: ServerFactory) -> None:
    """Of 22 watchers 20 never read: those end with SLOW_CONSUMER and a token that loses nothing, two lose nothing, memory is bounded."""
    server, batches, slow_count = server_factory(), 120, 20
    process = psutil.Process(server.process.pid)
    async with AsyncExitStack() as stack:
        wires = [Wire(await stack.enter_async_context(server.channel()), server.token) for _ in range(slow_count + 3)]
        vsm, slow = wires[0], wires[3:]
        parent = await vsm.found()
        request = WatchLogRequest(parent=parent, after_sequence=0)
        calls = [one.follow(one.systems.WatchLog, request) for one in slow]
        await asyncio.gather(*map(read_one, calls))
        born = process.memory_info().rss
        last = (await position(vsm, parent)).sequence + batches
        healthy = [asyncio.create_task(_sequences(one, request, last)) for one in wires[1:3]]
        for _ in range(batches):
            await vsm.report(parent, columns(len(VALUES), cpu=VALUES))
        async with asyncio.timeout(10):
            assert [await one for one in healthy] == [list(range(1, last + 1))] * 2
        assert process.memory_info().rss < born + (400 << 20)
        await wait_until(lambda: _slow(server, slow_count), within_s=20)
        for read, end in await asyncio.gather(*map(_read_to_end, calls)):
            assert (end.code, end.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_CONSUMER")
            assert read == list(range(1, len(read) + 1))
            assert end.end is not None
            again = await _sequences(vsm, WatchLogRequest(parent=parent, resume_token=end.end.resume_token), last)
            assert again[0] <= len(read) + 1
            assert again == list(range(again[0], last + 1))


async def _slow(server: Server, count: int) -> bool:
    return server.stderr.read_text().count("SLOW_CONSUMER") >= count


@contextmanager
def vanishing(server: Server, token: str, parent: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has `count` streams open; killed at the end."""
    command = [sys.executable, "-m", "tests.functional.vanishing", server.grpc_address, parent, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{token}\n")
        process.stdin.flush()
        try:
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


async def _open_streams(server: Server, count: int) -> bool:
    """Whether the server itself counts so many streams."""
    connection = http.client.HTTPConnection(server.http_address, timeout=CALL_TIMEOUT_S)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    connection.close()
    (figure,) = re.findall(r"^vsm_streams_open ([0-9.e+]+)$", page, re.MULTILINE)
    return float(figure) == count


async def test_streams_of_a_client_that_is_killed_are_gone(server_factory: ServerFactory) -> None:
    """When a process with watches and streams of events is killed, their places are free at once, and nobody else's is touched."""
    server = server_factory()
    async with server.channel() as channel, server.channel() as another:
        vsm = Wire(channel, server.token)
        parent = await vsm.found()
        caller = await vsm.narrowed("ghost", scopes=["algedonic.read", "operations.report"], systems=[parent])
        # A connection has room for so many streams and no more: calls go over the first.
        kept = await watching(Wire(another, caller.token), parent, STREAMS_PER_SUBJECT_MAX - 20)
        with vanishing(server, caller.token, parent, 20) as process:
            assert not await opens(caller, parent)
            process.send_signal(signal.SIGKILL)
            assert await wait_until(lambda: _open_streams(server, len(kept)))
            kept += await watching(caller, parent, 20)
            assert not await opens(caller, parent)
        named = (await cry(vsm, parent, pain())).signal.name
        assert set(await asyncio.gather(*map(told, kept))) == {named}


async def test_a_call_that_is_cancelled_is_done_whole_or_not_at_all(vsm: Wire, parent: str) -> None:
    """Whenever a client gives up, the signal is there once or not at all; with the same request id it is there once, by one name."""
    chance = random.Random(7)
    for number in range(40):
        request_id, cried = str(uuid4()), pain(f"u-{number}")
        call = asyncio.ensure_future(cry(vsm, parent, cried, request_id))
        await asyncio.sleep(chance.uniform(0.0, 0.004))
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        assert len(await signals(vsm, parent, source=cried.source)) in {0, 1}
        first, second = [(await cry(vsm, parent, cried, request_id)).signal for _ in range(2)]
        assert first == second
        assert [one.name for one in await signals(vsm, parent, source=cried.source)] == [first.name]
