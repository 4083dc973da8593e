"""Reflection over the wire, with raw messages: every kind of symbol, what is not there, and its bounds."""

from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.functional.conftest import Server
from tests.functional.wire import end_of
from vsm_server.rpc.reflection import NAME_LENGTH_MAX, REQUESTS_MAX

Request = reflection_pb2.ServerReflectionRequest
Extension = reflection_pb2.ExtensionRequest
NOT_FOUND, INVALID = grpc.StatusCode.NOT_FOUND.value[0], grpc.StatusCode.INVALID_ARGUMENT.value[0]


def opened(channel: grpc.aio.Channel, version: str = "v1") -> Any:
    return channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=Request.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )()


async def ask(server: Server, *requests: Any) -> list[Any]:
    """The answers to requests of one stream."""
    async with server.channel() as channel:
        call = opened(channel)
        answers = []
        for request in requests:
            await call.write(request)
            answers.append(await call.read())
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    return answers


def files(answer: Any) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """The files of an answer, by name, in order."""
    read = (descriptor_pb2.FileDescriptorProto.FromString(one) for one in answer.file_descriptor_response.file_descriptor_proto)
    return {file.name: file for file in read}


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        ("vsm.v1.SystemService", "vsm/v1/system.proto"),
        ("vsm.v1.SystemService.GetStatus", "vsm/v1/system.proto"),
        ("vsm.v1.Signal", "vsm/v1/algedonic.proto"),
        ("vsm.v1.Signal.name", "vsm/v1/algedonic.proto"),
        ("vsm.v1.Fact.body", "vsm/v1/log.proto"),
        ("vsm.v1.Zone", "vsm/v1/access.proto"),
        ("vsm.v1.ZONE_PUBLIC", "vsm/v1/access.proto"),
        ("vsm.v1.Zone.ZONE_PUBLIC", "vsm/v1/access.proto"),
        ("vsm.v1.access", "vsm/v1/access.proto"),
        ("grpc.health.v1.Health.List", "grpc/health/v1/health.proto"),
        ("grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto"),
        ("grpc.reflection.v1alpha.ServerReflection", "grpc_reflection/v1alpha/reflection.proto"),
    ],
)
async def test_every_kind_of_symbol_is_found(server: Server, symbol: str, file: str) -> None:
    """Services, methods, messages, fields, enums, their values and extensions lead to their file, with all that it needs behind it."""
    (answer,) = await ask(server, Request(host="h", file_containing_symbol=symbol))
    found = files(answer)
    assert next(iter(found)) == file
    assert {needed for one in found.values() for needed in one.dependency} <= found.keys()
    assert (answer.valid_host, answer.original_request.file_containing_symbol) == ("h", symbol)


async def test_health_is_shown_with_list(server: Server) -> None:
    """The file of the health service has List and its messages, by symbol and by name of the file."""
    for answer in await ask(
        server, Request(file_by_filename="grpc/health/v1/health.proto"), Request(file_containing_symbol="grpc.health.v1.HealthListResponse")
    ):
        (file,) = files(answer).values()
        assert [method.name for method in file.service[0].method] == ["Check", "Watch", "List"]


async def test_extensions_are_found(server: Server) -> None:
    """The numbers of a message's extensions, and the file of one of them."""
    options = "google.protobuf.MethodOptions"
    numbers, file = await ask(
        server,
        Request(all_extension_numbers_of_type=options),
        Request(file_containing_extension=Extension(containing_type=options, extension_number=50501)),
    )
    assert numbers.all_extension_numbers_response.base_type_name == options
    assert list(numbers.all_extension_numbers_response.extension_number) == [50501]
    assert "vsm/v1/access.proto" in files(file)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Request(), INVALID),
        (Request(file_by_filename=""), NOT_FOUND),
        (Request(file_by_filename="../../etc/passwd"), NOT_FOUND),
        (Request(file_containing_symbol=""), NOT_FOUND),
        (Request(file_containing_symbol="vsm.v1"), NOT_FOUND),
        (Request(file_containing_symbol="vsm.v1.SystemService.Nothing"), NOT_FOUND),
        (Request(file_containing_symbol="vsm.v1.Zone.NOTHING"), NOT_FOUND),
        (Request(file_containing_symbol="..."), NOT_FOUND),
        (Request(file_containing_extension=Extension()), NOT_FOUND),
        (Request(file_containing_extension=Extension(containing_type="vsm.v1.Signal", extension_number=-1)), NOT_FOUND),
        (Request(all_extension_numbers_of_type="vsm.v1.Nothing"), NOT_FOUND),
        (Request(file_containing_symbol="x" * (NAME_LENGTH_MAX + 1)), INVALID),
        (Request(file_containing_extension=Extension(containing_type="x" * (NAME_LENGTH_MAX + 1))), INVALID),
        (Request(host="x" * (NAME_LENGTH_MAX + 1), list_services=""), INVALID),
    ],
)
async def test_bad_requests_are_answered(server: Server, request_: Any, code: int) -> None:
    """What is not there, asks for nothing or is too long gets an answer that says so, and the stream goes on."""
    bad, good = await ask(server, request_, Request(list_services=""))
    assert bad.error_response.error_code == code
    assert bad.error_response.error_message
    assert good.list_services_response.service
    assert bad.ByteSize() < 2 * request_.ByteSize() + 200


async def test_requests_of_a_stream_are_bounded(server: Server) -> None:
    """After REQUESTS_MAX answers the next request ends the stream with LIMIT_REACHED."""
    async with server.channel() as channel:
        call = opened(channel)
        for _ in range(REQUESTS_MAX):
            await call.write(Request(file_by_filename="-"))
            assert (await call.read()).error_response.error_code == NOT_FOUND
        await call.write(Request(file_by_filename="-"))
        ended = await end_of(call)
    assert (ended.code, ended.reason, ended.about["bound"]) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "LIMIT_REACHED",
        "reflection_requests_max",
    )
