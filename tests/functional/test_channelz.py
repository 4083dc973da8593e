"""Channelz over the wire: figures for operators, for nobody else, and not at all when it is off."""

from typing import Any

import grpc
import pytest
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from vsm.v1.access_pb2 import ZONE_PUBLIC
from vsm.v1.system_pb2 import GetVersionsRequest

from tests.functional.conftest import Server, ServerFactory
from tests.functional.wire import Wire, refusal

Request = channelz_pb2.GetServersRequest


def stub(wire: Wire) -> Any:
    return channelz_pb2_grpc.ChannelzStub(wire.channel)


async def test_calls_and_connections_are_counted(server: Server, vsm: Wire) -> None:
    """GetServers counts the calls of the server, and its sockets lead to this very connection."""
    await vsm.ask(vsm.systems.GetVersions, GetVersionsRequest())
    (found,) = (await vsm.ask(stub(vsm).GetServers, Request())).server
    assert found.data.calls_started > 0
    refs = await vsm.ask(stub(vsm).GetServerSockets, channelz_pb2.GetServerSocketsRequest(server_id=found.ref.server_id))
    sockets = [
        (await vsm.ask(stub(vsm).GetSocket, channelz_pb2.GetSocketRequest(socket_id=ref.socket_id))).socket for ref in refs.socket_ref
    ]
    port = int(server.grpc_address.rpartition(":")[2])
    assert {socket.local.tcpip_address.port for socket in sockets} == {port}
    assert any(socket.data.streams_started >= 2 for socket in sockets)


async def test_figures_that_are_not_there_are_not_found(vsm: Wire) -> None:
    """An id that names nothing is NOT_FOUND, not an internal error."""
    assert (await refusal(vsm.ask(stub(vsm).GetServer, channelz_pb2.GetServerRequest(server_id=1 << 40)))).code is grpc.StatusCode.NOT_FOUND


async def test_figures_are_for_operators_alone(vsm: Wire) -> None:
    """Channelz needs a token with telemetry.read, from a zone that reaches the private one."""
    assert (await refusal(vsm.holding("").ask(stub(vsm).GetServers, Request()))).reason == "TOKEN_INVALID"
    blind = await vsm.narrowed(scopes=["systems.read"], systems=["*"])
    assert (await refusal(blind.ask(stub(vsm).GetServers, Request()))).reason == "SCOPE_MISSING"
    outside = await vsm.narrowed(scopes=["telemetry.read"], systems=["*"], zone=ZONE_PUBLIC)
    assert (await refusal(outside.ask(stub(vsm).GetServers, Request()))).reason == "ZONE_DENIED"
    seeing = await vsm.narrowed(scopes=["telemetry.read"], systems=["*"])
    assert (await seeing.ask(stub(vsm).GetServers, Request())).server


@pytest.mark.parametrize("turned_off", [("--channelz", "false"), ()])
async def test_channelz_may_be_turned_off(server_factory: ServerFactory, turned_off: tuple[str, ...]) -> None:
    """By the command line or the environment it is off: its methods are not there."""
    server = server_factory("--in-memory", *turned_off, environment={} if turned_off else {"VSM_CHANNELZ": "false"})
    async with server.channel() as channel:
        wire = Wire(channel, server.token)
        assert (await refusal(wire.ask(stub(wire).GetServers, Request()))).code is grpc.StatusCode.UNIMPLEMENTED
