"""The way of every call, in one interceptor for all four kinds of methods.

Request id and outermost catch, counting, authentication, authorization, rate limit, deadline (of unary calls), reading and validation,
handler.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import protovalidate

from vsm_server.rpc import deadline_stage
from vsm_server.rpc.caller import CALLER, NOBODY, Caller
from vsm_server.rpc.conclusion import CANCELLED, cancelled
from vsm_server.rpc.deadline_stage import Deadline
from vsm_server.rpc.endings import running_task
from vsm_server.rpc.errors import STATUS_BY_REASON, Context
from vsm_server.rpc.incident import read_headers
from vsm_server.rpc.method import Circumstances, Method

if TYPE_CHECKING:
    MethodHandler = grpc.RpcMethodHandler[Any, Any]  # cannot be subscripted at run time

Handler = Callable[[Any, Context], Any]
Serve = Callable[[Any, Context, Caller], Awaitable[Any]]
Serialize = Callable[[Any], bytes]

OK = grpc.StatusCode.OK


class _Requests:
    """A client's stream, each message read and checked before the handler sees it; those behind the first wait for their rate."""

    def __init__(self, requests: AsyncIterator[bytes], method: Method, caller: Caller, peer: str) -> None:
        self._requests = requests
        self._method = method
        self._caller = caller
        self._peer = peer
        self._begun = False
        self._metered = method.meter.applies(caller.identity.zone)

    def __aiter__(self) -> "_Requests":
        return self

    async def __anext__(self) -> Any:
        raw = await self._requests.__anext__()
        if not self._begun:
            self._begun = True
            return self._method.read_first(raw, self._caller)
        if self._metered:
            await self._method.meter.take_message(self._caller.identity, self._peer)
        return self._method.read_next(raw, self._caller)


def _guarded(method: Method, serve: Serve) -> Handler:
    """The outermost frame of a call. One that was cancelled stays cancelled."""

    async def handler(request: Any, context: Context) -> Any:
        began_s = method.monotonic_s()
        method.calls.started()
        authorization, trace = read_headers(context.invocation_metadata() or (), method.new_id)
        caller = Caller(NOBODY, trace, method.rule.priority)
        CALLER.set(caller)
        code = OK
        try:
            method.admit(context, caller, authorization)
            return await serve(request, context, caller)
        except asyncio.CancelledError:
            code = cancelled(context)
            raise
        except grpc.aio.AbortError:
            code = context.code()
            raise
        except Exception as error:  # noqa: BLE001  the one outermost catch
            refusal = method.conclusion.refusal_of(error, caller)
            code = CANCELLED if refusal is None else STATUS_BY_REASON[refusal.reason]
            if refusal is not None:
                await method.conclusion.refuse(context, caller, refusal)
        finally:
            method.conclusion.ended(caller, code, method.monotonic_s() - began_s)

    return handler


def _unary(method: Method, inner: Handler, serialize: Serialize) -> Serve:
    limit_s, crowd = method.unary_max_s, method.crowd

    async def answered(context: Context, caller: Caller) -> bytes:
        raw = await method.receive(context, caller)
        crowd.enter(caller.priority)
        try:
            return serialize(await inner(method.read_first(raw, caller), context))
        finally:
            crowd.count -= 1

    async def serve(_: object, context: Context, caller: Caller) -> bytes:
        left_s = deadline_stage.left_s(context)
        deadline_stage.refuse_expired(left_s)
        deadline = Deadline(running_task(), limit_s) if left_s is None or left_s > limit_s else None
        try:
            answer = await answered(context, caller)
        except asyncio.CancelledError:
            if deadline is None or not deadline.cut or context.cancelled():
                raise
            running_task().uncancel()
            raise deadline_stage.overrun(limit_s) from None
        finally:
            if deadline is not None:
                deadline.release()
        caller.sent_bytes = len(answer)
        return answer

    return serve


def _stream(method: Method, inner: Handler, *, requests_stream: bool) -> Serve:
    """For the three kinds that hold a stream. The handler's task is this one, so that cancelling it ends the handler."""
    responds = _written(inner) if inspect.isasyncgenfunction(inner) else inner

    async def serve(requests: Any, context: Context, caller: Caller) -> Any:
        if requests_stream:
            first = _Requests(requests, method, caller, context.peer())
        else:
            first = method.read_first(await _received(method, context, caller), caller)
        stream = method.endings.begin(caller, context.peer(), running_task())
        try:
            return await responds(first, context)
        except asyncio.CancelledError:
            if not stream.cut or context.cancelled():
                raise
            stream.task.uncancel()
            raise stream.ending.result() from None
        finally:
            method.endings.finish(stream)

    return serve


async def _received(method: Method, context: Context, caller: Caller) -> bytes:
    """The one request of a stream of responses, within the time of a unary call."""
    deadline = Deadline(running_task(), method.unary_max_s)
    try:
        return await method.receive(context, caller)
    except asyncio.CancelledError:
        if not deadline.cut or context.cancelled():
            raise
        running_task().uncancel()
        raise deadline_stage.overrun(method.unary_max_s) from None
    finally:
        deadline.release()


def _written(generator: Handler) -> Handler:
    """A generator's responses, written one by one: generators do not clean up context variables when cancelled, coroutines do."""

    async def write(request: Any, context: Context) -> None:
        async for response in generator(request, context):
            await context.write(response)

    return write


def _counted(serialize: Serialize) -> Serialize:
    """Messages of a stream, counted for the caller in whose context they are written."""

    def counted(message: Any) -> bytes:
        raw = serialize(message)
        CALLER.get().sent_bytes += len(raw)
        return raw

    return counted


def _as_it_is(message: bytes) -> bytes:
    return message


class Chain(grpc.aio.ServerInterceptor):
    """Wraps every method of the server in its stages."""

    def __init__(self, circumstances: Circumstances) -> None:
        self._circumstances = circumstances
        self._validator = protovalidate.Validator()
        self._wrapped: dict[str, MethodHandler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "Awaitable[MethodHandler | None]"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "MethodHandler | None":
        """The wrapped handler; what no servicer offers stays unimplemented."""
        path = handler_call_details.method
        wrapped = self._wrapped.get(path)
        if wrapped is None:
            inner = await continuation(handler_call_details)
            if inner is None:
                unknown = self._circumstances.calls.method(path)
                unknown.started()
                unknown.ended(grpc.StatusCode.UNIMPLEMENTED.name, 0.0, 0, 0)
                return inner
            wrapped = self._wrapped[path] = self._wrap(path, inner)
        return wrapped

    def _wrap(self, path: str, inner: Any) -> "MethodHandler":
        """Requests are read, and single responses written, in the chain: what fails there fails as the call does.

        To the library every method takes a stream of requests: of one, it would read the only request before anybody asks who calls.
        """
        method = Method(path, inner.request_deserializer or _as_it_is, self._circumstances, self._validator)
        serialize = inner.response_serializer or _as_it_is
        if inner.unary_unary is not None:
            return grpc.stream_unary_rpc_method_handler(_guarded(method, _unary(method, inner.unary_unary, serialize)))
        counted = _counted(serialize)
        if inner.unary_stream is not None:
            guarded = _guarded(method, _stream(method, inner.unary_stream, requests_stream=False))
            return grpc.stream_stream_rpc_method_handler(guarded, response_serializer=counted)
        if inner.stream_unary is not None:
            guarded = _guarded(method, _stream(method, inner.stream_unary, requests_stream=True))
            return grpc.stream_unary_rpc_method_handler(guarded, response_serializer=counted)
        guarded = _guarded(method, _stream(method, inner.stream_stream, requests_stream=True))
        return grpc.stream_stream_rpc_method_handler(guarded, response_serializer=counted)
