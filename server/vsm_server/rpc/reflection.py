"""Reflection for clients that bring no contract, under both of its names, whose messages are the same on the wire."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2

from vsm_server.refusal import limit_reached
from vsm_server.rpc.errors import Context

REQUESTS_MAX = 1_000  # requests of one reflection stream
NAME_LENGTH_MAX = 1_024  # characters of a name that reflection is asked for

_NAMES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_NOT_FOUND: int = grpc.StatusCode.NOT_FOUND.value[0]
_INVALID: int = grpc.StatusCode.INVALID_ARGUMENT.value[0]

Request = Any
Answer = Any


def _v1() -> DescriptorPool:
    """The contract of grpc.reflection.v1, which is that of v1alpha in another package."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.ClearField("name")
    text = text_format.MessageToString(file).replace("grpc.reflection.v1alpha", "grpc.reflection.v1")
    renamed = text_format.Parse(text, descriptor_pb2.FileDescriptorProto(name="grpc/reflection/v1/reflection.proto"))
    pool = DescriptorPool()
    pool.AddSerializedFile(renamed.SerializeToString())
    return pool


def _holding(pool: DescriptorPool, name: str) -> FileDescriptor:
    """The file that holds a symbol; of methods and of values named below their enum, the pool knows the parent alone. KeyError."""
    try:
        return pool.FindFileContainingSymbol(name)
    except KeyError:
        parent, _, last = name.rpartition(".")
        file = pool.FindFileContainingSymbol(parent)
        service = file.services_by_name.get(parent.removeprefix(f"{file.package}."))
        if service is not None and last in service.methods_by_name:
            return file
        if last in pool.FindEnumTypeByName(parent).values_by_name:
            return file
        raise


def _with_dependencies(file: FileDescriptor) -> list[FileDescriptor]:
    """A file and all that it needs, each once, itself first."""
    found = {file.name: file}
    waiting = [file]
    while waiting:
        for needed in waiting.pop().dependencies:
            if needed.name not in found:
                found[needed.name] = needed
                waiting.append(needed)
    return list(found.values())


def _files(file: FileDescriptor) -> Answer:
    return reflection_pb2.FileDescriptorResponse(file_descriptor_proto=[one.serialized_pb for one in _with_dependencies(file)])


class Reflection:
    """Answers from pools of descriptors, the earlier over the later."""

    def __init__(self, services: Sequence[str], pools: Sequence[DescriptorPool]) -> None:
        self._services = sorted(services)
        self._pools = pools

    async def stream(self, requests: AsyncIterator[Request], context: Context) -> None:
        """An answer to each request, in order. Refuses the one after REQUESTS_MAX with LIMIT_REACHED."""
        count = 0
        async for request in requests:
            count += 1
            if count > REQUESTS_MAX:
                raise limit_reached("reflection_requests_max", REQUESTS_MAX)
            await context.write(self.answer(request))

    def answer(self, request: Request) -> Answer:
        """What was asked for, or an error in its stead: NOT_FOUND, or INVALID_ARGUMENT for what asks for nothing."""
        kind = request.WhichOneof("message_request")
        if kind is None:
            return self._error(request, _INVALID, "a request asks for one thing")
        asked = getattr(request, kind)
        name = asked.containing_type if kind == "file_containing_extension" else asked
        if max(len(name), len(request.host)) > NAME_LENGTH_MAX:
            return self._error(reflection_pb2.ServerReflectionRequest(), _INVALID, f"names have at most {NAME_LENGTH_MAX:,} characters")
        if kind == "list_services":
            services = [reflection_pb2.ServiceResponse(name=service) for service in self._services]
            return self._response(request, list_services_response=reflection_pb2.ListServiceResponse(service=services))
        for pool in self._pools:
            try:
                return self._response(request, **self._found(pool, kind, asked))
            except KeyError:
                continue
        return self._error(request, _NOT_FOUND, f"not found: {name}")

    @staticmethod
    def _found(pool: DescriptorPool, kind: str, asked: Any) -> dict[str, Answer]:
        """The field of the answer; KeyError when the pool has no such thing."""
        if kind == "file_by_filename":
            return {"file_descriptor_response": _files(pool.FindFileByName(asked))}
        if kind == "file_containing_symbol":
            return {"file_descriptor_response": _files(_holding(pool, asked))}
        if kind == "file_containing_extension":
            message = pool.FindMessageTypeByName(asked.containing_type)
            return {
                "file_descriptor_response": _files(_holding(pool, pool.FindExtensionByNumber(message, asked.extension_number).full_name))
            }
        message = pool.FindMessageTypeByName(asked)
        numbers = sorted(extension.number for extension in pool.FindAllExtensions(message))
        return {"all_extension_numbers_response": reflection_pb2.ExtensionNumberResponse(base_type_name=asked, extension_number=numbers)}

    @staticmethod
    def _response(request: Request, **answer: Answer) -> Answer:
        return reflection_pb2.ServerReflectionResponse(valid_host=request.host, original_request=request, **answer)

    def _error(self, request: Request, code: int, text: str) -> Answer:
        return self._response(request, error_response=reflection_pb2.ErrorResponse(error_code=code, error_message=text))


def add_reflection(server: grpc.aio.Server, services: Sequence[str], pools: Sequence[DescriptorPool]) -> None:
    """Serve the descriptors of these services, and of reflection itself."""
    method = grpc.stream_stream_rpc_method_handler(
        Reflection((*services, *_NAMES), (*pools, _v1())).stream,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = [grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method}) for name in _NAMES]
    server.add_generic_rpc_handlers(tuple(handlers))
