"""Tools that others use: reflection, health, buf curl and grpcurl."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from vsm.v1.system_pb2 import GetVersionsRequest

from tests.functional.conftest import Server
from tests.functional.wire import Wire, read_one

BUF = Path(sys.executable).parent / "buf"
GRPCURL = shutil.which("grpcurl", path=os.pathsep.join([str(BUF.parent), os.environ.get("PATH", "")]))
SERVICES = {f"vsm.v1.{name}Service" for name in ("Operations", "Algedonic", "Pattern", "System", "Security")}


async def run(*command: str, home: Path) -> str:
    """The stdout of a tool that must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(home)},
    )
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    return out.decode()


async def buf(server: Server, home: Path, *arguments: str) -> str:
    """The stdout of `buf curl` with a token."""
    bearer = f"authorization: Bearer {server.token}"
    grpc_as = ("curl", "--protocol", "grpc", "--http2-prior-knowledge", "-H", bearer, "--reflect-header", bearer)
    return await run(str(BUF), *grpc_as, *arguments, home=home)


async def test_buf_curl_lists_the_services_by_reflection(server: Server, tmp_path: Path) -> None:
    """With buf one finds every service of the contract by asking the server."""
    out = await buf(server, tmp_path, "--list-services", f"http://{server.grpc_address}")
    assert set(out.split()) >= SERVICES


async def test_buf_curl_calls_by_reflection(server: Server, vsm: Wire, tmp_path: Path) -> None:
    """With buf one calls GetVersions and GetStatus with nothing but the address and a token, and one is told what a stub is told."""
    versions = await vsm.ask(vsm.systems.GetVersions, GetVersionsRequest())
    out = await buf(server, tmp_path, "-d", "{}", f"http://{server.grpc_address}/vsm.v1.SystemService/GetVersions")
    assert json.loads(out)["serverVersion"] == versions.server_version
    name = json.dumps({"name": "systems/default"})
    status = json.loads(await buf(server, tmp_path, "-d", name, f"http://{server.grpc_address}/vsm.v1.SystemService/GetStatus"))
    assert len(status["subsystems"]) == 6


@pytest.mark.skipif(GRPCURL is None, reason="grpcurl is not installed")
async def test_grpcurl_lists_and_calls_by_reflection(server: Server, tmp_path: Path) -> None:
    """With grpcurl one lists the services and calls GetVersions."""
    assert GRPCURL is not None
    bearer = ("-plaintext", "-H", f"authorization: Bearer {server.token}")
    assert set((await run(GRPCURL, *bearer, server.grpc_address, "list", home=tmp_path)).split()) >= SERVICES
    out = await run(GRPCURL, *bearer, server.grpc_address, "vsm.v1.SystemService/GetVersions", home=tmp_path)
    assert json.loads(out)["server_version"]


@pytest.mark.skipif(GRPCURL is None, reason="grpcurl is not installed")
@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("vsm.v1.SystemService.GetStatus", "rpc GetStatus ("),
        ("vsm.v1.Signal.name", "string name = 1"),
        ("vsm.v1.Zone", "ZONE_PUBLIC = 1"),
        ("vsm.v1.ZONE_PUBLIC", "ZONE_PUBLIC = 1"),
        ("grpc.health.v1.Health", "rpc List ("),
    ],
)
async def test_grpcurl_describes_by_reflection(server: Server, tmp_path: Path, symbol: str, told: str) -> None:
    """With grpcurl one describes a method, a field, an enum, a value of it, and the health service with List."""
    assert GRPCURL is not None
    assert told in await run(GRPCURL, "-plaintext", server.grpc_address, "describe", symbol, home=tmp_path)


@pytest.mark.skipif(GRPCURL is None, reason="grpcurl is not installed")
async def test_grpcurl_describes_all(server: Server, tmp_path: Path) -> None:
    """With grpcurl one describes all that the server lists."""
    assert GRPCURL is not None
    listed = set((await run(GRPCURL, "-plaintext", server.grpc_address, "list", home=tmp_path)).split())
    out = await run(GRPCURL, "-plaintext", server.grpc_address, "describe", home=tmp_path)
    assert {line.split()[0] for line in out.splitlines() if line.endswith(" is a service:")} == listed


@pytest.mark.skipif(GRPCURL is None, reason="grpcurl is not installed")
async def test_grpcurl_lists_health(server: Server, tmp_path: Path) -> None:
    """With grpcurl one calls List of the health service, without a token."""
    assert GRPCURL is not None
    out = await run(GRPCURL, "-plaintext", server.grpc_address, "grpc.health.v1.Health/List", home=tmp_path)
    assert json.loads(out)["statuses"]["vsm.v1.SystemService"] == {"status": "SERVING"}


async def test_health_says_serving(server: Server) -> None:
    """The health service says SERVING for the server as a whole, by a call and by a watch, without a token."""
    async with server.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        checked = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        call = stub.Watch(health_pb2.HealthCheckRequest())
        watched = await read_one(call)
        call.cancel()
    assert [checked.status, watched.status] == [health_pb2.HealthCheckResponse.SERVING] * 2


async def test_an_unknown_service_has_no_health(server: Server) -> None:
    """A check of a service that the server does not have is NOT_FOUND."""
    async with server.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="vsm.v1.Nonsense"), timeout=5)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
