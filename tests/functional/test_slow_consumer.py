"""A watcher that does not read is told so, and loses nothing; nobody else waits for it."""

import asyncio
from typing import Any

import grpc
from vsm.v1.system_pb2 import WatchLogRequest

from tests.functional.conftest import Server, ServerFactory
from tests.functional.signals_over_wire import cry, pain
from tests.functional.wire import Refused, Wire, columns, followed, position, read_one, read_refusal, wait_until

VALUES = [float(number) for number in range(10_000)]
# Well beyond what the transport holds for a reader that does not read.
BATCHES = 120


async def test_a_reader_that_does_not_read_is_ended_with_its_token(server_factory: ServerFactory) -> None:
    """After 5 s with a message unread: SLOW_CONSUMER; behind the last token read, all follow once."""
    server = server_factory()
    async with server.channel() as channel, server.channel() as another:
        vsm, slow = Wire(channel, server.token), Wire(another, server.token)
        parent = await vsm.found()
        call = slow.follow(slow.systems.WatchLog, WatchLogRequest(parent=parent, after_sequence=0))
        await read_one(call)
        for _ in range(BATCHES):
            await vsm.report(parent, columns(len(VALUES), cpu=VALUES))
        begun = asyncio.get_running_loop().time()
        await cry(vsm, parent, pain("while somebody is slow"))
        assert asyncio.get_running_loop().time() - begun < 2.0
        await wait_until(lambda: _told(server), within_s=15)
        read, token, end = await _read_to_end(call)
        last = (await position(vsm, parent)).sequence
        assert (end.code, end.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_CONSUMER")
        assert end.end is not None
        assert read == list(range(1, len(read) + 1))
        assert len(read) < last
        assert read + await _read_from(vsm, parent, token, last) == list(range(1, last + 1))
        again = await _read_from(vsm, parent, end.end.resume_token, last)
        assert again == list(range(again[0], last + 1))
        assert again[0] <= read[-1] + 1


async def _told(server: Server) -> bool:
    return "SLOW_CONSUMER" in server.stderr.read_text()


async def _read_to_end(call: grpc.aio.UnaryStreamCall[Any, Any]) -> tuple[list[int], str, Refused]:
    read: list[int] = []
    token = ""
    try:
        while True:
            response = await read_one(call)
            read += [entry.sequence for entry in response.entries]
            token = response.resume_token
    except grpc.aio.AioRpcError as error:
        return read, token, read_refusal(error)


async def _read_from(vsm: Wire, parent: str, token: str, until: int) -> list[int]:
    read: list[int] = []
    async with followed(vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, resume_token=token))) as call:
        while not read or read[-1] < until:
            read += [entry.sequence for entry in (await read_one(call)).entries]
    return read
