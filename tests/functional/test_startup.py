"""The command as operators use it: options from every source, refusals in one line, pages, health, backup."""

import asyncio
import http.client
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from vsm.v1 import security_pb2, system_pb2

from tests.functional.conftest import COMMAND, Server, ServerFactory
from tests.functional.wire import Wire, end_of, read_one, refusal

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def run(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command with nothing of this process's environment."""
    return subprocess.run(
        [str(COMMAND), *words], capture_output=True, text=True, timeout=20, check=False, env={"PATH": "/usr/bin", **(environment or {})}
    )


def problem(done: subprocess.CompletedProcess[str]) -> str:
    """Why the command refused: the one line on stderr, which is JSON."""
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    told = json.loads(line)
    assert (told["level"], told["event"]) == ("error", "failed")
    return str(told["problem"])


def fetch(server: Server, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(server.http_address, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("words", "environment", "told"),
    [
        (("--listen", "0.0.0.0:0"), {}, "--insecure"),
        (("--http", "[::]:0"), {}, "--insecure"),
        (("--listen", "here"), {}, "HOST:PORT"),
        ((), {"VSM_DURABILITY": "none"}, "VSM_DURABILITY"),
        (("--config", "/nowhere.toml"), {}, "/nowhere.toml"),
        (("--data-dir", "/proc/here"), {}, "/proc/here"),
    ],
)
def test_start_is_refused_in_one_line(tmp_path: Path, words: tuple[str, ...], environment: dict[str, str], told: str) -> None:
    """What keeps a server from starting is told in one line of JSON, with exit code 2, and leaves no data directory behind."""
    directory = () if "--data-dir" in words else ("--data-dir", str(tmp_path / "data"))
    assert told in problem(run("serve", *directory, *words, environment=environment))
    assert not (tmp_path / "data").exists()


def test_unknown_key_is_refused_with_those_allowed(tmp_path: Path) -> None:
    """A key that is no option is named, and so are those that are."""
    (tmp_path / "vsm.toml").write_text('listn = "127.0.0.1:0"')
    told = problem(run("serve", "--config", str(tmp_path / "vsm.toml")))
    assert "listn" in told
    assert "listen" in told.partition("allowed")[2]


def test_damaged_key_is_refused(server_factory: ServerFactory, tmp_path: Path) -> None:
    """A signing key that was damaged is not replaced: the start is refused and the file named."""
    server_factory().kill()
    key = tmp_path / "data" / "signing.key"
    key.write_text("nope")
    assert str(key) in problem(run("serve", "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"))
    assert key.read_text() == "nope"


def test_server_in_memory_leaves_no_log(server_factory: ServerFactory, tmp_path: Path) -> None:
    """With VSM_IN_MEMORY there is a token to come in by, and neither a database nor a key."""
    server = server_factory(environment={"VSM_IN_MEMORY": "true"})
    assert {path.name for path in server.data_dir.iterdir()} == {"admin.token", "lock"}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_version_is_told() -> None:
    """`vsm-server version` prints one line."""
    done = run("version")
    assert (done.returncode, done.stdout) == (0, "vsm-server 0.1.0\n")


def test_pages(server_factory: ServerFactory) -> None:
    """By HTTP the server says that it lives, that it serves and what it is; anything else is not found or not allowed."""
    server = server_factory("--in-memory")
    assert fetch(server, "/healthz")[:2] == (200, "alive\n")
    assert fetch(server, "/readyz")[:2] == (200, "ready\n")
    status, text, headers = fetch(server, "/")
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert "vsm-server 0.1.0" in text
    assert server.grpc_address in text
    assert fetch(server, "/admin.token")[0] == 404
    assert fetch(server, "/../data/admin.token")[0] == 404
    assert fetch(server, "/healthz", "POST")[0] == 405
    assert fetch(server, "/healthz", "HEAD")[:2] == (200, "")
    assert "server" not in headers


async def test_health_is_told_without_a_token(server_factory: ServerFactory) -> None:
    """The standard health service knows the server and each service, and says NOT_SERVING before the server goes."""
    server = server_factory("--in-memory")
    async with server.channel() as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", "vsm.v1.AlgedonicService"):
            assert (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
        assert (await refusal(stub.Check(health_pb2.HealthCheckRequest(service="vsm.v1.Nothing")))).reason == "NOT_FOUND"
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await read_one(watch)).status == SERVING
        # The client's library gives away a message that it is not asked for before the end of the stream is in.
        reading = asyncio.ensure_future(read_one(watch))
        await asyncio.sleep(0)
        server.terminate()
        assert (await reading).status == NOT_SERVING
        assert (await end_of(watch)).reason == "DRAINING"
    assert server.process.wait(5) == 0


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_has_both_names(server_factory: ServerFactory, version: str) -> None:
    """Both names of reflection list the services of the contract, and give the file of a symbol."""
    server = server_factory("--in-memory")
    async with server.channel() as channel:
        call: Any = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services="*"))
        names = {service.name for service in (await call.read()).list_services_response.service}
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol="vsm.v1.Signal"))
        files = (await call.read()).file_descriptor_response.file_descriptor_proto
        await call.done_writing()
    assert {"vsm.v1.AlgedonicService", "vsm.v1.SystemService", "grpc.health.v1.Health"} <= names
    assert any(b"vsm/v1/algedonic.proto" in file for file in files)


async def test_admin_token_outlives_its_revocation(server_factory: ServerFactory) -> None:
    """When the token of the file is revoked it is worthless at once, and the file holds a new one within a second."""
    server = server_factory()
    async with server.channel() as channel:
        old = server.token
        wire = Wire(channel, old)
        request = security_pb2.RevokeTokenRequest(revocation=security_pb2.Revocation(subject="admin"))
        await wire.ask(wire.security.RevokeToken, request)
        assert (await refusal(wire.ask(wire.security.WhoAmI, security_pb2.WhoAmIRequest()))).reason == "TOKEN_REVOKED"
        async with asyncio.timeout(2):
            while server.token == old:
                await wire.ask(wire.security.GetKeys, security_pb2.GetKeysRequest())
        assert (await Wire(channel, server.token).ask(wire.security.WhoAmI, security_pb2.WhoAmIRequest())).claims.subject == "admin"


async def test_key_outlives_a_restart(server_factory: ServerFactory) -> None:
    """A token issued before a kill is good after it."""
    first = server_factory()
    token = first.token
    first.kill()
    async with server_factory().channel() as channel:
        wire = Wire(channel, token)
        assert (await wire.ask(wire.security.WhoAmI, security_pb2.WhoAmIRequest())).claims.subject == "admin"


async def test_backup_of_a_running_server_is_a_server(server_factory: ServerFactory, tmp_path: Path) -> None:
    """What `backup` copies while the server runs, `restore` makes a server of that has the same systems."""
    server = server_factory()
    async with server.channel() as channel:
        name = await Wire(channel, server.token).found("kept")
    file, copy = str(tmp_path / "copy.sqlite3"), tmp_path / "restored"
    assert run("backup", "--data-dir", str(server.data_dir), file).returncode == 0
    assert "is there already" in problem(run("backup", "--data-dir", str(server.data_dir), file))
    assert run("restore", file, "--data-dir", str(copy)).returncode == 0
    assert "not empty" in problem(run("restore", file, "--data-dir", str(copy)))
    restored = server_factory(data_dir=copy)
    async with restored.channel() as channel:
        wire = Wire(channel, restored.token)
        assert (await wire.ask(wire.systems.GetSystem, system_pb2.GetSystemRequest(name=name))).system.name == name
