"""Serving a watch: the position at once, then what comes, heartbeats between, and an end that says where to go on."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from vsm.v1 import errors_pb2, watch_pb2

from vsm_server.engine.resume import Position
from vsm_server.engine.shell import Engine
from vsm_server.engine.tail import Item
from vsm_server.engine.watch import Compact, Watch
from vsm_server.refusal import Refusal, not_found
from vsm_server.rpc import caller
from vsm_server.rpc.endings import running_task
from vsm_server.rpc.errors import Context, StreamEnded

HEARTBEAT_DEFAULT_S = 10.0
WRITE_MAX_S = 5.0  # that a reader may leave a message unread
ITEMS_MAX = 1_000  # items of one response of a watch
BYTES_MAX = 1 << 20  # of one response of a watch, beyond its first entry
# Beyond so many watchers of a log, what comes within the pause goes out together.
ALONE_MAX = 50
PAUSE_S = 0.02


class View(Protocol):
    """What one kind of watch shows of entries."""

    def of(self, item: Item) -> Sequence[Message]:
        """What the watcher gets of an entry; [] when nothing passes its filter."""
        ...

    def response(self, token: str, shown: Sequence[Message], heartbeat: watch_pb2.Heartbeat | None) -> Message:
        """A response with the position after it."""
        ...


async def begin(engine: Engine, request: Any, *, signals_only: bool, with_columns: bool) -> Watch:
    """From where the request says. Refusals as Watch.begin."""
    after = request.after_sequence if request.WhichOneof("start") == "after_sequence" else None
    try:
        return await Watch.begin(engine, request.resume_token, after, signals_only=signals_only, with_columns=with_columns)
    except Compact as compact:
        raise StreamEnded(compact, resume_token="", oldest_sequence=compact.oldest) from None


def heartbeat_s(interval: Duration) -> float:
    """Seconds between heartbeats."""
    return interval.ToNanoseconds() / 1e9 or HEARTBEAT_DEFAULT_S


class Following:
    """One watch being served."""

    def __init__(self, engine: Engine, watch: Watch, view: View, context: Context) -> None:
        self._engine = engine
        self._watch = watch
        self._view = view
        self._context = context
        self._token = watch.position.token()
        self._loop = asyncio.get_running_loop()
        self._task = running_task()
        self._slow = False
        self._ending = caller.ending()
        self._ending.add_done_callback(lambda _: watch.interrupt())

    async def run(self, heartbeat_interval_s: float) -> None:
        """Until the client goes or a Refusal ends it: always a StreamEnded, with the token to go on from."""
        clock = asyncio.get_running_loop().time
        with self._engine.tail.watched():
            await self._write([], self._token)
            beat_s = clock() + heartbeat_interval_s
            while True:
                items = await self._next(max(0.0, beat_s - clock()))
                if await self._show(items):
                    beat_s = clock() + heartbeat_interval_s
                elif clock() >= beat_s:
                    await self._write([], self._watch.position.token())
                    beat_s = clock() + heartbeat_interval_s

    async def _next(self, timeout_s: float) -> list[Item]:
        self._refuse_end()
        try:
            items = await self._watch.next(timeout_s)
            if items and self._engine.tail.watcher_count > ALONE_MAX and not any(item.is_critical for item in items):
                await asyncio.sleep(PAUSE_S)
                items += await self._watch.next(0.0)
        except Compact as compact:
            raise StreamEnded(compact, resume_token="", oldest_sequence=compact.oldest) from None
        self._refuse_end()
        return items

    async def _show(self, items: Sequence[Item]) -> bool:
        """Write what passes the filter, whole entries at a time; whether there was anything."""
        shown: list[Message] = []
        size, wrote, last = 0, False, None
        for item in items:
            part = self._view.of(item)
            part_size = sum(one.ByteSize() for one in part)
            if shown and last is not None and (len(shown) + len(part) > ITEMS_MAX or size + part_size > BYTES_MAX):
                await self._write(shown, Position(self._engine.uid, last.entry.sequence, last.checksum).token())
                shown, size, wrote = [], 0, True
            shown.extend(part)
            size += part_size
            last = item
        if shown:
            await self._write(shown, self._watch.position.token())
        return wrote or bool(shown)

    async def _write(self, shown: Sequence[Message], token: str) -> None:
        beat = None
        if not shown:
            beat = watch_pb2.Heartbeat()
            beat.send_time.FromNanoseconds(self._engine.now_ns())
        timer = self._loop.call_later(WRITE_MAX_S, self._give_up)
        try:
            await self._context.write(self._view.response(token, shown, beat))
        except asyncio.CancelledError:
            if not self._slow:
                raise
            self._task.uncancel()
            slow = Refusal(errors_pb2.ERROR_REASON_SLOW_CONSUMER, f"a message was not read within {WRITE_MAX_S:g} s; go on from the token")
            raise self._ended(slow) from None
        finally:
            timer.cancel()
        self._token = token

    def _give_up(self) -> None:
        self._slow = True
        self._task.cancel()

    def _refuse_end(self) -> None:
        if self._ending.done():
            raise self._ended(self._ending.result())
        if self._engine.closed:
            raise self._ended(not_found(self._engine.system))

    def _ended(self, cause: Refusal) -> StreamEnded:
        return StreamEnded(cause, resume_token=self._token, oldest_sequence=self._engine.oldest_sequence)
