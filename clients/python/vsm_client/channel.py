"""A channel on which every call carries the caller's token, a deadline, and a request id where a retry needs one."""

import json
from collections.abc import Callable, Generator
from typing import Any, Self

import grpc
from google.protobuf.message import Message

from vsm_client.errors import VsmError, from_rpc
from vsm_client.tokens import TokenSource

# The server allows a ping each 10 s. These settings are published in docs/operations.md and clients/service-config.json.
KEEPALIVE_TIME_MS = 20_000
KEEPALIVE_TIMEOUT_MS = 10_000
RECONNECT_MS_MAX = 5_000  # between two tries to connect
MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # a message, either way

# UNAVAILABLE alone says that nothing was done, or that doing it again is safe; a push-back of the server goes before these times.
SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.enable_retries", 1),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", RECONNECT_MS_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
)


class Answer:
    """A unary call under way: await it for the response; everything else is that of grpc.aio's call."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __await__(self) -> Generator[Any, None, Any]:
        """Raises VsmError."""
        try:
            return (yield from self._call.__await__())
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class CallerChannel(grpc.aio.Channel):
    """Wraps a channel: stubs made on it need no metadata, no timeout and no request ids from their user."""

    def __init__(self, inner: grpc.aio.Channel, token: TokenSource, deadline_s: float, new_id: Callable[[], str]) -> None:
        self._inner = inner
        self._token = token
        self._deadline_s = deadline_s
        self._new_id = new_id

    def unary_unary(self, *args: Any, **options: Any) -> Any:
        return self._unary(self._inner.unary_unary(*args, **options))

    def stream_unary(self, *args: Any, **options: Any) -> Any:
        return self._unary(self._inner.stream_unary(*args, **options))

    def unary_stream(self, *args: Any, **options: Any) -> Any:
        return self._stream(self._inner.unary_stream(*args, **options))

    def stream_stream(self, *args: Any, **options: Any) -> Any:
        return self._stream(self._inner.stream_stream(*args, **options))

    def _unary(self, method: Callable[..., Any]) -> Callable[..., Answer]:
        def call(request: Any = None, *, timeout: float | None = None, metadata: Any = (), **options: Any) -> Answer:
            timeout = self._deadline_s if timeout is None else timeout
            return Answer(method(self._identified(request), timeout=timeout, metadata=self._metadata(metadata), **options))

        return call

    def _stream(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(request: Any = None, *, metadata: Any = (), **options: Any) -> Any:
            return method(request, metadata=self._metadata(metadata), **options)

        return call

    def _identified(self, request: Any) -> Any:
        """With a request id of its own, so that the channel's retries are safe."""
        if not isinstance(request, Message) or "request_id" not in request.DESCRIPTOR.fields_by_name or request.request_id:  # type: ignore[attr-defined]
            return request
        identified = type(request)()
        identified.CopyFrom(request)
        identified.request_id = self._new_id()  # type: ignore[attr-defined]
        return identified

    def _metadata(self, given: Any) -> list[tuple[str, str]]:
        try:
            token = self._token()
        except OSError as error:
            raise VsmError(grpc.StatusCode.UNAUTHENTICATED, f"the token cannot be read: {error}", "TOKEN_INVALID") from error
        return [*(given or ()), *([("authorization", f"Bearer {token}")] if token else [])]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - grpc's own signature
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()
