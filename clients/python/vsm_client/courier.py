"""Carries sealed batches to the server over one stream after another, until each is known to be durable."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import grpc
from vsm.v1 import events_pb2, operations_pb2

from vsm_client.bell import Bell
from vsm_client.ending import Ending
from vsm_client.errors import VsmError
from vsm_client.outbox import Outbox
from vsm_client.pace import Pace

if TYPE_CHECKING:
    from vsm.v1.operations_pb2_grpc import OperationsServiceAsyncStub

EventsCall: TypeAlias = "grpc.aio.StreamStreamCall[operations_pb2.StreamEventsRequest, operations_pb2.StreamEventsResponse]"
# What breaks a write ends the call as well, and the reading side is told why.
_BROKEN = (grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.InvalidStateError)


class Courier:
    """Owns the streams of one producer. `failure` is set, and the bell rung, when it cannot go on.

    `identity`: system and name of the producer. `timeout_s`: a batch on its way this long without any answer breaks the stream.
    `take` is given each receipt after its batches have left the outbox,
    `on_break` each break that is mended.
    """

    def __init__(self, stub: "OperationsServiceAsyncStub", identity: tuple[str, str], pace: Pace, outbox: Outbox, bell: Bell) -> None:
        self.failure: VsmError | None = None
        self.streams = 0
        self.timeout_s = 30.0
        self.on_break: Callable[[VsmError], None] = lambda _: None
        self.take: Callable[[events_pb2.Receipt], None] = lambda _: None
        self._stub = stub
        self._parent, self._producer = identity
        self._pace = pace
        self._outbox = outbox
        self._bell = bell
        self._leaving = False

    def leave(self) -> None:
        """Ends the stream once nothing is left to send."""
        self._leaving = True
        self._bell.ring()

    async def run(self) -> None:
        """Returns when it has left, or failed."""
        while not self._leaving:
            try:
                await self._one_stream()
            except VsmError as error:
                try:
                    delay_s = self._pace.delay_s(error)
                except VsmError as final:
                    self.failure = final
                    self._bell.ring()
                    return
                self.on_break(error)
                await asyncio.sleep(delay_s)

    async def _one_stream(self) -> None:
        call: EventsCall = self._stub.StreamEvents()
        ending = Ending(call)
        try:
            await self._open(call)
            sender = asyncio.create_task(self._send(call))
            try:
                while (response := await self._read(call)) is not None:
                    self._acknowledge(response)
            finally:
                sender.cancel()
                await asyncio.wait({sender})
        except grpc.aio.AioRpcError as error:
            raise await ending.why(error) from error
        finally:
            call.cancel()

    async def _open(self, call: EventsCall) -> None:
        """Opens the stream and learns where the server stands."""
        opening = operations_pb2.StreamEventsOpen(parent=self._parent, producer=self._producer, epoch=self._outbox.epoch)
        with contextlib.suppress(*_BROKEN):
            await call.write(operations_pb2.StreamEventsRequest(open=opening))
        first = await self._read(call, patient=False)
        if first is None or not self._outbox.opened(first.batch_number, first.window):
            raise VsmError(grpc.StatusCode.ABORTED, "the server has lost its record of this producer")
        self.streams += 1
        self._bell.ring()

    async def _send(self, call: EventsCall) -> None:
        with contextlib.suppress(*_BROKEN):
            while True:
                request = self._outbox.next()
                if request is not None:
                    await call.write(request)
                elif self._leaving:
                    await call.done_writing()
                    return
                else:
                    await self._bell.wait()

    async def _read(self, call: EventsCall, *, patient: bool = True) -> operations_pb2.StreamEventsResponse | None:
        """The next response; None at the end that was asked for.

        Raises VsmError at every other end and when none comes in time, AioRpcError when the server refuses.
        """
        reading = asyncio.ensure_future(call.read())
        try:
            waiting = True
            while waiting:
                owed = self._outbox.in_flight or not patient
                done, _ = await asyncio.wait({reading}, timeout=self.timeout_s)
                waiting = not done
                if waiting and owed:
                    raise VsmError(grpc.StatusCode.DEADLINE_EXCEEDED, f"no acknowledgement for {self.timeout_s:g} s")
            response = reading.result()
        finally:
            reading.cancel()
        if isinstance(response, operations_pb2.StreamEventsResponse):
            return response
        if self._leaving:
            return None
        raise VsmError(grpc.StatusCode.UNAVAILABLE, "the server ended the stream")

    def _acknowledge(self, response: operations_pb2.StreamEventsResponse) -> None:
        if self._outbox.acknowledged(response.batch_number, response.window):
            self._pace.progressed()
        if response.HasField("receipt"):
            self.take(response.receipt)
        self._bell.ring()
