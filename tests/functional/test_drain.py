"""A server that goes: it says so first, serves on for a while, then tells every stream."""

import asyncio
import signal
import time
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.system_pb2 import GetVersionsRequest

from tests.functional.conftest import Server, ServerFactory
from tests.functional.test_startup import fetch
from tests.functional.wire import Wire, end_of, read_one

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def asked_to_go(server: Server, channel: grpc.aio.Channel) -> None:
    """Returns when a watch of health has said that the server is going."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest())
    assert (await read_one(watch)).status == SERVING
    server.terminate()
    assert (await read_one(watch)).status == NOT_SERVING
    watch.cancel()


async def test_calls_are_served_while_balancers_turn_away(server_factory: ServerFactory) -> None:
    """With drain_delay_s 1, health and /readyz say at once that the server goes, and for a second it still serves, also new streams."""
    server = server_factory("--in-memory", "--drain-delay-s", "1")
    async with server.channel() as channel:
        wire = Wire(channel, server.token)
        begun = time.monotonic()
        await asked_to_go(server, channel)
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING
        status, text, _ = await asyncio.to_thread(fetch, server, "/readyz")
        assert (status, text) == (503, "not ready: stopping\n")
        assert (await asyncio.to_thread(fetch, server, "/healthz"))[0] == 200
        assert (await wire.ask(wire.systems.GetVersions, GetVersionsRequest())).server_version
        watch = wire.follow(wire.algedonic.WatchSignals, WatchSignalsRequest(parent="systems/default"))
        position = await read_one(watch)
        served_s = time.monotonic() - begun
        ended = await end_of(watch)
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert ended.end is not None
    assert ended.end.resume_token == position.resume_token
    assert server.process.wait(5) == 0
    assert served_s < 1 <= time.monotonic() - begun


async def test_a_second_signal_skips_the_wait(server_factory: ServerFactory) -> None:
    """Whoever cannot wait asks again, by either signal: the server drains at once and exits with 0."""
    server = server_factory("--in-memory", "--drain-delay-s", "600")
    async with server.channel() as channel:
        await asked_to_go(server, channel)
        server.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(server.process.wait, 10) == 0
