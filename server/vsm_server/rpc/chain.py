"""The way of every call: trace, outermost catch, authentication, authorization, validation, handler. One interceptor for all."""

import asyncio
import inspect
import logging
import operator
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import protovalidate
from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal, not_implemented
from vsm_server.rpc import errors
from vsm_server.rpc.access_stage import Gate
from vsm_server.rpc.caller import CALLER, Caller
from vsm_server.rpc.endings import Endings, running_task
from vsm_server.rpc.errors import Context
from vsm_server.rpc.incident import internal, read_headers
from vsm_server.rpc.validation import refuse_violations
from vsm_server.security import access
from vsm_server.security.access import Conduit, Rule
from vsm_server.security.authentication import Authenticator
from vsm_server.security.identity import Identity

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    MethodHandler = grpc.RpcMethodHandler[Any, Any]  # cannot be subscripted at run time

# What every next request of a stream must be, to break no rule of the contract: told sooner than by the validator.
SOUND: dict[str, Callable[[Any], bool]] = {
    "/vsm.v1.OperationsService/StreamEvents": lambda request: request.HasField("batch") and not request.HasField("open"),
}

Handler = Callable[[Any, Context], Any]
Serve = Callable[[Any, Context, Identity, str], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the stages need from outside."""

    table: dict[str, Rule]
    authenticator: Authenticator
    endings: Endings
    now_unix_s: Callable[[], float]
    new_id: Callable[[], str]
    conduits: Sequence[Conduit] = access.DEFAULT_CONDUITS


class Method:
    """The stages of one method, bound once."""

    def __init__(self, path: str, circumstances: Circumstances, validator: protovalidate.Validator) -> None:
        self.rule = access.rule_of(path, circumstances.table)
        self.gate = Gate(self.rule, circumstances.conduits, circumstances.authenticator, circumstances.now_unix_s)
        self.endings = circumstances.endings
        self.new_id = circumstances.new_id
        self._validator = validator
        self._ours = path in circumstances.table
        self._is_sound = SOUND.get(path, lambda _: False)
        self._resource_of: Callable[[Any], str] | None = operator.attrgetter(self.rule.resource) if self.rule.resource else None

    def check_first(self, request: Any, identity: Identity) -> None:
        """Refuse a request whose resource the caller may not touch, then one that breaks a rule of the contract."""
        if self._resource_of is not None:
            access.refuse_resource(self.rule, identity, self._resource_of(request))
        self.check_next(request)

    def check_next(self, request: Any) -> None:
        """Refuse a request that breaks a rule of the contract."""
        if self._ours and not self._is_sound(request):
            refuse_violations(self._validator, request)


class _Requests:
    """A client's stream, each message checked before the handler sees it."""

    def __init__(self, requests: AsyncIterator[Any], method: Method, identity: Identity) -> None:
        self._requests = requests
        self._method = method
        self._identity = identity
        self._begun = False

    def __aiter__(self) -> "_Requests":
        return self

    async def __anext__(self) -> Any:
        request = await self._requests.__anext__()
        if self._begun:
            self._method.check_next(request)
        else:
            self._begun = True
            self._method.check_first(request, self._identity)
        return request


async def _conclude(error: Exception, method: Method, context: Context, trace: str) -> None:
    """End a call that failed: a refusal with its status, a bug with an incident number."""
    about = {"trace": trace, "method": method.rule.method}
    if isinstance(error, NotImplementedError):
        error = not_implemented(method.rule.method)
    if isinstance(error, Refusal):
        _log.info("refused", extra={**about, "reason": errors_pb2.ErrorReason.Name(error.reason)})
        await errors.abort(context, error)
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, grpc.aio.InternalError):
        _log.info("peer gone", extra=about)
        return
    failure = internal(method.new_id())
    _log.error("internal error", exc_info=error, extra={**about, **failure.metadata})
    await errors.abort(context, failure)


def _guarded(method: Method, serve: Serve) -> Handler:
    """The outermost frame of a call. One that was cancelled stays cancelled."""

    async def handler(request: Any, context: Context) -> Any:
        authorization, trace = read_headers(context.invocation_metadata() or (), method.new_id)
        try:
            return await serve(request, context, method.gate.admit(context, authorization), trace)
        except Exception as error:  # noqa: BLE001  the one outermost catch
            await _conclude(error, method, context, trace)

    return handler


def _unary(method: Method, inner: Handler) -> Serve:
    def serve(request: Any, context: Context, identity: Identity, trace: str) -> Awaitable[Any]:
        method.check_first(request, identity)
        CALLER.set(Caller(identity, trace, method.rule.priority))
        answer: Awaitable[Any] = inner(request, context)
        return answer

    return serve


def _stream(method: Method, inner: Handler, *, requests_stream: bool) -> Serve:
    """For the three kinds that hold a stream. The handler's task is this one, so that cancelling it ends the handler."""
    responds = _written(inner) if inspect.isasyncgenfunction(inner) else inner

    async def serve(request: Any, context: Context, identity: Identity, trace: str) -> Any:
        if not requests_stream:
            method.check_first(request, identity)
        stream = method.endings.begin(identity, running_task())
        CALLER.set(Caller(identity, trace, method.rule.priority, stream.ending))
        try:
            return await responds(_Requests(request, method, identity) if requests_stream else request, context)
        except asyncio.CancelledError:
            if not stream.cut or context.cancelled():
                raise
            stream.task.uncancel()
            raise stream.ending.result() from None
        finally:
            method.endings.finish(stream)

    return serve


def _written(generator: Handler) -> Handler:
    """A generator's responses, written one by one: generators do not clean up context variables when cancelled, coroutines do."""

    async def write(request: Any, context: Context) -> None:
        async for response in generator(request, context):
            await context.write(response)

    return write


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
                return inner
            wrapped = self._wrapped[path] = self._wrap(path, inner)
        return wrapped

    def _wrap(self, path: str, inner: Any) -> "MethodHandler":
        method = Method(path, self._circumstances, self._validator)
        codec = {"request_deserializer": inner.request_deserializer, "response_serializer": inner.response_serializer}
        if inner.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(_guarded(method, _unary(method, inner.unary_unary)), **codec)
        if inner.unary_stream is not None:
            guarded = _guarded(method, _stream(method, inner.unary_stream, requests_stream=False))
            return grpc.unary_stream_rpc_method_handler(guarded, **codec)
        if inner.stream_unary is not None:
            guarded = _guarded(method, _stream(method, inner.stream_unary, requests_stream=True))
            return grpc.stream_unary_rpc_method_handler(guarded, **codec)
        guarded = _guarded(method, _stream(method, inner.stream_stream, requests_stream=True))
        return grpc.stream_stream_rpc_method_handler(guarded, **codec)
