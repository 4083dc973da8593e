"""One producer's stream of batches: read, decided, acknowledged once durable."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from vsm.v1 import errors_pb2, events_pb2, operations_pb2

from vsm_server.engine.shell import Answer, Engine
from vsm_server.model import batches
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import Call
from vsm_server.refusal import Refusal, invalid, not_found
from vsm_server.rpc import caller, runs
from vsm_server.rpc.asking import call_of
from vsm_server.rpc.errors import Context

# Batches of a stream that may wait for their acknowledgement.
WINDOW = 256
# Of batches, as they came, that wait to be offered or for their acknowledgement; one alone may have more.
WINDOW_BYTES = 8 << 20
# While batches keep coming, those that gathered wait for more, for so long at a time and so often.
QUIET_S = 0.001
QUIET_TIMES = 4

Ticket = asyncio.Future[Any]

Requests = AsyncIterator[operations_pb2.StreamEventsRequest]
Response = operations_pb2.StreamEventsResponse


class Fences:
    """The newest stream of each producer of a system, with its epoch: it ends the one before."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str, str], tuple[int, asyncio.Future[None]]] = {}

    def enter(self, key: tuple[str, str, str], epoch: int) -> "asyncio.Future[None]":
        """Resolves when a newer stream of the same producer has come. Refusal PRODUCER_FENCED where one of a higher epoch is open."""
        newest, before = self._newest.get(key, (0, None))
        if epoch < newest:
            raise Refusal(errors_pb2.ERROR_REASON_PRODUCER_FENCED, f"producer {key[2]!r} has moved on to epoch {newest}")
        if before is not None and not before.done():
            before.set_result(None)
        fence: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._newest[key] = (epoch, fence)
        return fence

    def leave(self, key: tuple[str, str, str], fence: "asyncio.Future[None]") -> None:
        """The stream is over."""
        if key in self._newest and self._newest[key][1] is fence:
            del self._newest[key]


class EventStream:
    """From the opening to the end. Batches go into the engine, in order; acknowledgements go out as they become durable.

    While some are on their way to the journal, small ones gather: they would wait there, and cost less together.
    """

    def __init__(self, engine: Engine, opening: operations_pb2.StreamEventsOpen, context: Context, fence: "asyncio.Future[None]") -> None:
        self._engine = engine
        self._opening = opening
        self._context = context
        self._fence = fence
        self._ending = caller.ending()
        self._identity = caller.identity()
        self._call: Call = call_of()
        self._backlog = runs.Backlog()
        # Number of the last batch, how many they are, their bytes, and what will be known of them.
        self._waiting: deque[tuple[int, int, int, Ticket]] = deque()
        self._batches = 0
        self._size = 0
        self._deciding = 0
        self._gathering = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self, requests: Requests) -> None:
        """Until the client has sent its last and all is acknowledged; Refusal when it ends otherwise."""
        producer, epoch = self._opening.producer, self._opening.epoch
        place = await self._engine.read(lambda state: state.producers.check_epoch(self._call.actor, producer, epoch))
        await self._context.write(Response(batch_number=place.batch_number, window=WINDOW))
        reader = asyncio.get_running_loop().create_task(self._read(requests))
        for future in (self._ending, self._fence, self._engine.ended, reader):
            future.add_done_callback(self._wake)
        try:
            await self._acknowledge(reader)
        finally:
            self._engine.ended.remove_done_callback(self._wake)
            reader.cancel()
            await asyncio.wait([reader])
            for left in (reader, *(waiting[-1] for waiting in self._waiting)):
                if not (left.cancel() or left.cancelled()):
                    left.exception()  # one told is enough

    def _wake(self, _: "asyncio.Future[Any]") -> None:
        self._changed.set()

    async def _read(self, requests: Requests) -> None:
        async for request in requests:
            if request.HasField("open"):
                raise invalid("open", "only in the first request")
            if request.batch_number == 0:
                raise invalid("batch_number", "1, 2, 3, …")
            self._take(runs.Arrived.of(request))
            while self._batches >= WINDOW or self._size >= WINDOW_BYTES:
                self._room.clear()
                await self._room.wait()

    def _take(self, arrived: runs.Arrived) -> None:
        self._batches += 1
        self._size += arrived.size
        self._backlog.add(arrived)
        if not (self._deciding or self._gathering) or not self._backlog.may_grow:
            self._flush()

    def _flush(self) -> None:
        """Offer all that has come, unless the stream is at its end: then nothing more of it is to take effect."""
        while self._backlog and not (self._fence.done() or self._ending.done() or self._engine.closed):
            run = self._backlog.take()
            size = sum(arrived.size for arrived in run)
            for batch in runs.read(run, self._engine.now_ns(), self._identity, self._opening):
                self._offer(batch, size if batch.batch_number == run[-1].number else 0)

    def _offer(self, batch: ReportBatch, size: int) -> None:
        ticket: Ticket = asyncio.get_running_loop().create_future()
        ticket.add_done_callback(self._decided)
        self._deciding += 1
        self._waiting.append((batch.batch_number, len(batch.counts) or 1, size, ticket))
        try:
            self._engine.offer(batch, self._call, ticket)
        except Refusal as refusal:
            ticket.set_exception(refusal)

    def _decided(self, _: Ticket) -> None:
        self._deciding -= 1
        if self._backlog and not (self._deciding or self._gathering):
            self._gather(0, QUIET_TIMES)
        self._changed.set()

    def _gather(self, seen: int, times: int) -> None:
        """Look again in a moment, unless none has come since the last look."""
        self._gathering = times > 0 and len(self._backlog) > seen
        if self._gathering:
            asyncio.get_running_loop().call_later(QUIET_S, self._gather, len(self._backlog), times - 1)
        else:
            self._changed.set()

    async def _acknowledge(self, reader: "asyncio.Task[None]") -> None:
        while True:
            self._changed.clear()
            if reader.done() or not (self._deciding or self._gathering):
                self._flush()
            if self._waiting and self._waiting[0][-1].done():
                await self._respond()
            self._refuse_end()
            if reader.done() and not self._batches:
                return reader.result()
            if not (self._waiting and self._waiting[0][-1].done()):
                await self._changed.wait()

    async def _respond(self) -> None:
        """One response for all that is durable at the front; a refusal behind it ends the stream after that."""
        number = 0
        answers: list[Answer] = []
        while self._waiting and self._waiting[0][-1].done() and not (answers and self._waiting[0][-1].exception()):
            number, count, size, ticket = self._waiting.popleft()
            self._batches -= count
            self._size -= size
            answers.append(await self._engine.answer(ticket, self._call))
        self._room.set()
        await self._context.write(Response(batch_number=number, receipt=receipt_of(answers), window=WINDOW))

    def _refuse_end(self) -> None:
        if self._ending.done():
            raise self._ending.result()
        if self._fence.done():
            message = f"a newer stream of producer {self._opening.producer!r} has taken over"
            raise Refusal(errors_pb2.ERROR_REASON_PRODUCER_FENCED, message)
        if self._engine.closed:
            raise not_found(self._engine.system)


def receipt_of(answers: list[Answer]) -> events_pb2.Receipt:
    """What became of several batches, in one receipt."""
    return batches.receipt(max(answer.sequence for answer in answers), [a.fact.events_reported for a in answers if a.entry is not None])
