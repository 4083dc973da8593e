"""Follows a log: each item once and in order, over as many streams as that takes."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import grpc

from vsm_client.errors import VsmError, from_rpc
from vsm_client.pace import Pace

Item = TypeVar("Item")

HEARTBEAT_S = 10.0
HEARTBEATS_MISSED = 3

_ENDED = {"HISTORY_COMPACTED", "RESUME_TOKEN_FOREIGN"}


@dataclass(frozen=True, slots=True)
class Source(Generic[Item]):
    """One kind of watch: how to open it behind a position ("" for where the caller said), and the items of a response."""

    open: Callable[[str], Any]
    items: Callable[[Any], Sequence[Item]]
    heartbeat_s: float = HEARTBEAT_S


class Watch(Generic[Item]):
    """An endless asynchronous iterator. Within this object each item comes exactly once, whatever breaks.

    `resume_token` is the position to store. It moves on when the last item of a response is handed out, so store it after dealing
    with an item: a watch begun from a stored token gives again at most the items of one response that was only partly dealt with,
    and never leaves one out. Silence of three heartbeat intervals counts as a break; `on_break` is told each break that is mended.
    Raises VsmError when going on is impossible: denied, history compacted, a token of another log.
    """

    def __init__(self, source: Source[Item], pace: Pace, resume_token: str = "") -> None:
        self.resume_token = resume_token
        self.streams = 0
        self.on_break: Callable[[VsmError], None] = lambda _: None
        self._source = source
        self._pace = pace
        self._position = resume_token
        self._waiting: deque[Item] = deque()
        self._call: Any = None
        self._greeted = False
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            await self._fetch()
        item = self._waiting.popleft()
        if not self._waiting:
            self.resume_token = self._position
        return item

    async def started(self) -> None:
        """Returns once the server has told its position: from here on nothing is missed."""
        while not self._position and not self._waiting:
            await self._fetch()

    async def close(self) -> None:
        """Ends the watch: what was received is still handed out."""
        self._closed = True
        self._drop()

    async def __aenter__(self) -> Self:
        await self.started()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _fetch(self) -> None:
        """Takes in one response, or breaks and waits until the next stream may be tried."""
        try:
            response = await self._read()
        except VsmError as error:
            self._drop()
            self._position = self._position or error.resume_token
            if error.reason in _ENDED:
                raise
            delay_s = self._pace.delay_s(error)
            self.on_break(error)
            await asyncio.sleep(delay_s)
            return
        self._position = response.resume_token
        self._waiting.extend(self._source.items(response))
        if self._waiting or self._greeted:
            self._pace.progressed()
        self._greeted = True
        if not self._waiting:
            self.resume_token = self._position

    async def _read(self) -> Any:
        patience_s = HEARTBEATS_MISSED * self._source.heartbeat_s
        if self._call is None:
            self._call = self._source.open(self._position)
            self._greeted = False
            self.streams += 1
        try:
            async with asyncio.timeout(patience_s):
                response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error) from error
        except TimeoutError as error:
            raise VsmError(grpc.StatusCode.UNAVAILABLE, f"nothing was heard for {patience_s:g} s") from error
        except asyncio.CancelledError:
            self._drop()
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise StopAsyncIteration from None
            raise
        if response is grpc.aio.EOF:
            raise VsmError(grpc.StatusCode.UNAVAILABLE, "the server ended the stream")
        return response

    def _drop(self) -> None:
        if self._call is not None:
            self._call.cancel()
        self._call = None
