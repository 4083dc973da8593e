"""The library's own figures of its servers, connections and calls, as grpc.channelz.v1."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_channelz.v1._servicer import ChannelzServicer

from vsm_server.refusal import not_found
from vsm_server.rpc.errors import Context

NAME = "grpc.channelz.v1.Channelz"


class _Outcome:
    """Stands where the library's servicer tells a failure to the context, which then has no response to send."""

    def __init__(self) -> None:
        self.code = grpc.StatusCode.OK
        self.details = ""

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details


def _answering(read: Callable[[Any, _Outcome], Any]) -> Callable[[Any, Context], Awaitable[Any]]:
    async def answer(request: Any, _: Context) -> Any:
        outcome = _Outcome()
        response = read(request, outcome)
        if outcome.code is grpc.StatusCode.NOT_FOUND:
            raise not_found(str(request).strip())
        if outcome.code is not grpc.StatusCode.OK:
            raise RuntimeError(outcome.details)
        return response

    return answer


def add_channelz(server: grpc.aio.Server) -> None:
    """Serve them; the server must be made so that it keeps them. What is not there is refused with NOT_FOUND."""
    servicer = channelz_pb2_grpc.ChannelzServicer()
    for method in channelz_pb2.DESCRIPTOR.services_by_name["Channelz"].methods:
        setattr(servicer, method.name, _answering(getattr(ChannelzServicer, method.name)))
    channelz_pb2_grpc.add_ChannelzServicer_to_server(servicer, server)
