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
from vsm_server.rpc.access_stage import Gate, Metadata
from vsm_server.rpc.caller import CALLER, Caller
from vsm_server.rpc.endings import Endings, running_task
from vsm_server.rpc.errors import Context
from vsm_server.rpc.incident import internal, trace_of
from vsm_server.rpc.validation import refuse_violations
from vsm_server.security import access
from vsm_server.security.access import Conduit, Rule
from vsm_server.security.authentication import Authenticator
from vsm_server.security.identity import Identity

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    MethodHandler = grpc.RpcMethodHandler[Any, Any]  # cannot be subscripted at run time

Handler = Callable[[Any, Context], Any]


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
        self._resource_of: Callable[[Any], str] | None = operator.attrgetter(self.rule.resource) if self.rule.resource else None

    def check_first(self, request: Any, identity: Identity) -> None:
        """Refuse a request whose resource the caller may not touch, then one that breaks a rule of the contract."""
        if self._resource_of is not None:
            access.refuse_resource(self.rule, identity, self._resource_of(request))
        self.check_next(request)

    def check_next(self, request: Any) -> None:
        """Refuse a request that breaks a rule of the contract."""
        if self._ours:
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


async def _catch(call: Awaitable[Any], method: Method, context: Context, trace: str) -> Any:
    """The outermost catch: a refusal ends with its status, a bug with an incident number; a call that was cancelled stays cancelled."""
    try:
        return await call
    except Refusal as refusal:
        reason = errors_pb2.ErrorReason.Name(refusal.reason)
        _log.info("refused", extra={"trace": trace, "method": method.rule.method, "reason": reason})
        await errors.abort(context, refusal)
    except NotImplementedError:
        await errors.abort(context, not_implemented(method.rule.method))
    except grpc.aio.AbortError:
        raise
    except grpc.aio.InternalError:
        _log.info("peer gone", extra={"trace": trace, "method": method.rule.method})
    except Exception:  # noqa: BLE001  the one outermost catch
        failure = internal(method.new_id())
        _log.exception("internal error", extra={"trace": trace, "method": method.rule.method, **failure.metadata})
        await errors.abort(context, failure)


def _unary(method: Method, inner: Handler) -> Handler:
    async def call(request: Any, context: Context, trace: str, metadata: Metadata) -> Any:
        identity = method.gate.admit(context, metadata)
        method.check_first(request, identity)
        CALLER.set(Caller(identity, trace, method.rule.priority))
        return await inner(request, context)

    async def handler(request: Any, context: Context) -> Any:
        metadata = context.invocation_metadata() or ()
        trace = trace_of(metadata, method.new_id)
        return await _catch(call(request, context, trace, metadata), method, context, trace)

    return handler


def _stream(method: Method, inner: Handler, *, requests_stream: bool) -> Handler:
    """For the three kinds that hold a stream. The handler's task is this one, so that cancelling it ends the handler."""
    responds = _written(inner) if inspect.isasyncgenfunction(inner) else inner

    async def call(request: Any, context: Context, trace: str, metadata: Metadata) -> Any:
        identity = method.gate.admit(context, metadata)
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

    async def handler(request: Any, context: Context) -> Any:
        metadata = context.invocation_metadata() or ()
        trace = trace_of(metadata, method.new_id)
        return await _catch(call(request, context, trace, metadata), method, context, trace)

    return handler


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
            return grpc.unary_unary_rpc_method_handler(_unary(method, inner.unary_unary), **codec)
        if inner.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(_stream(method, inner.unary_stream, requests_stream=False), **codec)
        if inner.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(_stream(method, inner.stream_unary, requests_stream=True), **codec)
        return grpc.stream_stream_rpc_method_handler(_stream(method, inner.stream_stream, requests_stream=True), **codec)
