"""Health over the wire: per service, listed, watched; and what reads it, a server that comes and goes."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.functional.conftest import Server
from tests.functional.probe import probe
from tests.functional.wire import end_of, read_one, refusal
from vsm_server.rpc import health_contract
from vsm_server.rpc.health import HealthServicer, Phase, Readiness, add_health
from vsm_server.rpc.server import SERVICES

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def lister(channel: grpc.aio.Channel) -> Any:
    return channel.unary_unary(
        "/grpc.health.v1.Health/List",
        request_serializer=health_contract.ListRequest.SerializeToString,
        response_deserializer=health_contract.ListResponse.FromString,
    )


async def test_list_tells_of_every_service(server: Server) -> None:
    """List needs no token and has the server itself and each service of the contract, all serving."""
    async with server.channel() as channel:
        answer = await lister(channel)(health_contract.ListRequest(), timeout=5)
    assert {name: one.status for name, one in answer.statuses.items()} == dict.fromkeys(("", *(s.full_name for s in SERVICES)), SERVING)


async def test_an_unknown_service_is_watched_as_such(server: Server) -> None:
    """Check refuses a service that is not there with NOT_FOUND; Watch says SERVICE_UNKNOWN and goes on."""
    async with server.channel() as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest(service="vsm.v1.Nothing")
        assert (await refusal(stub.Check(asked, timeout=5))).code is grpc.StatusCode.NOT_FOUND
        watch = stub.Watch(asked)
        assert (await read_one(watch)).status == UNKNOWN
        with pytest.raises(TimeoutError):
            await read_one(watch, 0.1)
        assert not watch.done() or watch.cancelled()


class Life:
    """A server's readiness in the test's hands."""

    def __init__(self) -> None:
        self.writable = True
        self.readiness = Readiness(lambda: self.writable)

    def add(self, server: grpc.aio.Server) -> None:
        add_health(server, HealthServicer(["vsm.v1.SystemService"], self.readiness))


async def test_health_follows_the_life_of_the_server() -> None:
    """NOT_SERVING until ready, while the journal cannot write, and at the end: a watcher hears of each change, Check and List say it."""
    life = Life()
    async with probe(furnish=life.add) as running, grpc.aio.insecure_channel(running.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="vsm.v1.SystemService"))
        told = [(await read_one(watch)).status]

        async def now() -> set[int]:
            listed = (await lister(channel)(health_contract.ListRequest())).statuses
            return {(await stub.Check(health_pb2.HealthCheckRequest())).status, *(one.status for one in listed.values())}

        for writable, phase in ((True, Phase.SERVING), (False, Phase.SERVING), (True, Phase.SERVING), (True, Phase.STOPPING)):
            life.writable = writable
            life.readiness.enter(phase)
            told.append((await read_one(watch)).status)
            assert await now() == {told[-1]}
        running.endings.drain()
        assert (await end_of(watch)).reason == "DRAINING"
    assert told == [NOT_SERVING, SERVING, NOT_SERVING, SERVING, NOT_SERVING]


async def test_watch_hears_of_a_full_disk_within_seconds() -> None:
    """Nobody says when the journal stops to take anything: the server looks for itself, and tells who watches."""
    life = Life()
    async with probe(furnish=life.add) as running, grpc.aio.insecure_channel(running.address) as channel:
        life.readiness.enter(Phase.SERVING)
        looking = asyncio.create_task(life.readiness.keep_looking())
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await read_one(watch)).status == SERVING
        life.writable = False
        assert (await read_one(watch, 5)).status == NOT_SERVING
        assert life.readiness.problem() == "the journal cannot write"
        watch.cancel()
        looking.cancel()
        await asyncio.wait([looking])
