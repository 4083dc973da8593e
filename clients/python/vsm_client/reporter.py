"""Reports events: gathers them into batches, and sees each batch into the server's log exactly once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Self

import grpc
from vsm.v1 import events_pb2, operations_pb2

from vsm_client.bell import Bell
from vsm_client.bulk import Block, NumberColumn, WordColumn, requests
from vsm_client.columns import BATCH_EVENTS_MAX, Gatherer
from vsm_client.courier import Courier
from vsm_client.errors import EventInvalidError, ReporterClosedError, ReporterFullError, VsmError
from vsm_client.outbox import Outbox, Parcel
from vsm_client.pace import Pace
from vsm_client.report_options import ReporterOptions, Tally
from vsm_client.thinning import Thinner

if TYPE_CHECKING:
    from vsm.v1.operations_pb2_grpc import OperationsServiceAsyncStub

_NO_MEASURES: Mapping[str, float] = {}
_NO_LABELS: Mapping[str, str] = {}
_FAREWELL_S = 1.0


class Reporter:
    """Made by `Client.reporter`. `report` waits while the reporter is full; nothing that it took is dropped or doubled.

    A reporter that cannot go on (fenced by a newer one of the same name, denied, no such system) raises the server's VsmError from
    every later call. Several tasks may report through one.
    """

    def __init__(self, stub: "OperationsServiceAsyncStub", identity: tuple[str, str], pace: Pace, options: ReporterOptions) -> None:
        self._tally = Tally()
        self._options = options
        self._outbox = Outbox(options.epoch(), options.batches_max)
        self._bell = Bell()
        self._courier = Courier(stub, identity, pace, self._outbox, self._bell)
        self._courier.timeout_s = options.acknowledgement_timeout_s
        self._courier.on_break = options.on_break
        self._courier.take = self._take_receipt
        self._thinner = Thinner(pace.chance)
        self._open_batch = Gatherer()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def pending(self) -> int:
        """Events taken and not yet known to be durable."""
        return self._open_batch.count + self._outbox.events

    @property
    def tally(self) -> Tally:
        """What has become of the events so far."""
        return replace(self._tally, unreceipted=self._outbox.unreceipted_events, streams=self._courier.streams)

    async def report(
        self,
        unit: str,
        kind: str,
        measures: Mapping[str, float] = _NO_MEASURES,
        labels: Mapping[str, str] = _NO_LABELS,
        time: int | datetime | None = None,
    ) -> None:
        """Takes one event; `time` in nanoseconds since the Unix epoch. Waits while full. Raises EventInvalidError, VsmError."""
        stamp = self._stamp(time)
        while not self._room(unit, kind, measures, labels):
            await self._bell.wait()
        if self._take(stamp, unit, kind, measures, labels):
            await asyncio.sleep(0)

    def report_nowait(
        self,
        unit: str,
        kind: str,
        measures: Mapping[str, float] = _NO_MEASURES,
        labels: Mapping[str, str] = _NO_LABELS,
        time: int | datetime | None = None,
    ) -> None:
        """As `report`, but raises ReporterFullError instead of waiting."""
        stamp = self._stamp(time)
        if not self._room(unit, kind, measures, labels):
            raise ReporterFullError
        self._take(stamp, unit, kind, measures, labels)

    async def report_columns(
        self,
        unit: WordColumn,
        kind: WordColumn,
        measures: Mapping[str, NumberColumn],
        labels: Mapping[str, WordColumn] | None = None,
        times: NumberColumn | None = None,
    ) -> None:
        """Takes many events at once, in order, in batches of their own of up to 10,000. Waits while full."""
        block = Block(unit, kind, measures, labels or {}, times)
        offered = block.count()
        self._check_open()
        if self._thinner.active:
            block = block.thinned(self._thinner, offered)
        count = block.count() if self._thinner.active else offered
        self._tally.thinned += offered - count
        for request, events in requests(block, count):
            await self._sealed_behind()
            self._send(request, events)
            await asyncio.sleep(0)

    async def flush(self) -> None:
        """Returns once all that was taken so far is durable. Raises VsmError when it cannot become so."""
        await self._sealed_behind()
        target = self._outbox.sealed_total
        while self._outbox.settled_total < target:
            self._check_failed()
            await self._bell.wait()

    def _stamp(self, moment: int | datetime | None) -> int:
        if moment is None:
            return self._options.clock_ns() if self._options.clock_ns else 0
        if isinstance(moment, datetime):
            moment = int(moment.timestamp() * 1_000_000) * 1_000
        if not 0 <= moment < 2**64:
            msg = f"time {moment} is not a number of nanoseconds since 1970"
            raise EventInvalidError(msg)
        return moment

    def _room(self, unit: str, kind: str, measures: Mapping[str, float], labels: Mapping[str, str]) -> bool:
        """Whether the event can be taken now; seals the batch in its way if that makes the room."""
        self._check_open()
        if self._open_batch.count < self._options.batch_events_max and self._open_batch.fits(unit, kind, measures, labels):
            return True
        if self._outbox.full:
            return False
        self._seal()
        return self._open_batch.fits(unit, kind, measures, labels)

    def _take(self, stamp: int, unit: str, kind: str, measures: Mapping[str, float], labels: Mapping[str, str]) -> bool:
        """Adds an event that there is room for; whether that sealed a batch."""
        if not self._thinner.keeps(kind):
            self._tally.thinned += 1
            return False
        self._open_batch.append(stamp, unit, kind, measures, labels)
        if self._timer is None:
            self._set_timer()
        if self._open_batch.count < min(self._options.batch_events_max, BATCH_EVENTS_MAX) or self._outbox.full:
            return False
        self._seal()
        return True

    def _fall_due(self) -> None:
        if self._outbox.full:
            self._set_timer()
        else:
            self._seal()

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._options.batch_age_s, self._fall_due)

    def _seal(self) -> None:
        """Closes the batch under way, if it holds anything. There must be room in the outbox."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._open_batch.count:
            gathered, self._open_batch = self._open_batch, Gatherer()
            request = operations_pb2.StreamEventsRequest()
            gathered.fill(request.batch.columns)
            self._send(request, gathered.count)

    def _send(self, request: operations_pb2.StreamEventsRequest, count: int) -> None:
        if self._thinner.active:
            request.batch.applied.CopyFrom(self._thinner.applied())
        self._outbox.seal(Parcel(request, count))
        self._bell.ring()

    async def _sealed_behind(self) -> None:
        """Waits until what is being gathered is sealed and there is room behind it."""
        while True:
            self._check_open()
            if not self._outbox.full:
                self._seal()
            if not self._outbox.full and not self._open_batch.count:
                return
            await self._bell.wait()

    def _take_receipt(self, receipt: events_pb2.Receipt) -> None:
        tally = self._tally
        tally.accepted += receipt.accepted_count
        tally.rejected += receipt.rejected_count
        tally.late += receipt.late_count
        for rejection in receipt.rejections:
            tally.batches_refused += not rejection.HasField("index")
            self._options.on_rejection(rejection)
        if receipt.HasField("attenuation") and self._thinner.asks_anew(receipt.attenuation.keep_ratio):
            self._seal()
            self._thinner.obey(receipt.attenuation.keep_ratio)

    def _check_open(self) -> None:
        self._check_failed()
        if self._closing:
            raise ReporterClosedError

    def _check_failed(self) -> None:
        if self._courier.failure is not None:
            raise self._courier.failure
        if self._task is not None and self._task.done():
            self._task.result()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Reports while the body runs, then sees what is left into the log. Raises VsmError when that fails or takes too long."""
        self._task = task = asyncio.create_task(self._courier.run())
        task.add_done_callback(lambda _: self._bell.ring())
        try:
            yield self
            await self._finish()
        finally:
            self._closing = True
            self._courier.leave()
            await asyncio.wait({task}, timeout=_FAREWELL_S)
            task.cancel()
            await asyncio.wait({task})

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(self._options.close_timeout_s):
                await self.flush()
        except TimeoutError as error:
            msg = f"{self.pending} events are not known to be durable"
            raise VsmError(grpc.StatusCode.DEADLINE_EXCEEDED, msg) from error
