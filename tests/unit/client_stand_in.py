"""A small real server that keeps the contract of StreamEvents and WatchSignals in memory, and breaks where it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import isnan
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from vsm.v1 import algedonic_pb2, algedonic_pb2_grpc, events_pb2, operations_pb2, operations_pb2_grpc, watch_pb2

from vsm_client.client import Client, ClientOptions

TOKEN = "secret-token"
ABSENT = 4_294_967_295


async def refuse(context: Any, code: grpc.StatusCode, reason: str, *details: Any, **metadata: str) -> NoReturn:
    """Ends a call the way the server does: a status with packed details."""
    info = error_details_pb2.ErrorInfo(reason=f"ERROR_REASON_{reason}", domain="vsm.v1", metadata=metadata)
    status = status_pb2.Status(code=code.value[0], message=reason.lower())
    for detail in (info, *details):
        packed = Packed()
        packed.Pack(detail)
        status.details.append(packed)
    await context.abort(code, reason.lower(), (("grpc-status-details-bin", status.SerializeToString()),))
    raise AssertionError


def words(column: events_pb2.StringColumn, count: int) -> list[str | None]:
    """A column of words, spelled out."""
    index = list(column.index) or [0] * count
    return [None if place == ABSENT else column.dictionary[place] for place in index]


def rows(columns: events_pb2.EventColumns) -> list[dict[str, Any]]:
    """Columns as one dict an event, absent fields left out."""
    count = columns.count
    told: list[dict[str, Any]] = [{} for _ in range(count)]
    times = columns.time_unix_nano or [0] * count
    for row, unit, kind, time in zip(told, words(columns.unit, count), words(columns.kind, count), times, strict=True):
        row.update({"unit": unit, "kind": kind, "time": time})
    for measure in columns.measures:
        for row, value in zip(told, measure.values, strict=True):
            row.update({} if isnan(value) else {f"measures.{measure.name}": value})
    for label in columns.labels:
        for row, word in zip(told, words(label.values, count), strict=True):
            row.update({} if word is None else {f"labels.{label.name}": word})
    return told


@dataclass(frozen=True, slots=True)
class Break:
    """Ends a stream of events at its batch number `at` (1: the first that it brings), before or after the batch is durable."""

    at: int
    durable: bool
    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    reason: str = "DRAINING"


@dataclass
class Events(operations_pb2_grpc.OperationsServiceServicer):
    """StreamEvents in memory. Each stream takes the next of `breaks`; those behind the last run on."""

    window: int = 4
    every: int = 1
    breaks: list[Break] = field(default_factory=list)
    attenuation: events_pb2.Attenuation | None = None
    malformed: Callable[[events_pb2.EventBatch], bool] = lambda _: False
    silent: bool = False
    patience_s: float = 0.005
    applied: list[dict[str, Any]] = field(default_factory=list)
    batches: list[events_pb2.EventBatch] = field(default_factory=list)
    producers: dict[str, tuple[int, int]] = field(default_factory=dict)
    opens: list[operations_pb2.StreamEventsOpen] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    unacknowledged_max: int = 0
    fences: dict[str, asyncio.Event] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def StreamEvents(self, _: Any, context: Any) -> None:  # type: ignore[override]  # noqa: N802
        self.tokens.append(dict(context.invocation_metadata()).get("authorization", ""))
        broken = self.breaks.pop(0) if self.breaks else None
        opening = (await context.read()).open
        self.opens.append(opening)
        epoch, durable = self.producers.get(opening.producer, (opening.epoch, 0))
        if opening.epoch < epoch:
            await refuse(context, grpc.StatusCode.ABORTED, "PRODUCER_FENCED")
        if opening.epoch > epoch:
            epoch, durable = opening.epoch, 0
        if opening.producer in self.fences:
            self.fences[opening.producer].set()
        fence = self.fences[opening.producer] = asyncio.Event()
        self.producers[opening.producer] = epoch, durable
        await context.write(operations_pb2.StreamEventsResponse(batch_number=durable, window=self.window))
        await self._take(context, opening.producer, broken, fence)

    async def _take(self, context: Any, producer: str, broken: Break | None, fence: asyncio.Event) -> None:
        receipt, brought, behind = events_pb2.Receipt(), 0, 0
        reading = asyncio.ensure_future(context.read())
        while True:
            await self._wait(context, reading, fence)
            if reading.done():
                request = reading.result()
                if request is grpc.aio.EOF:
                    return
                brought += 1
                if broken and broken.at == brought and not broken.durable:
                    await refuse(context, broken.code, broken.reason)
                await self._apply(context, producer, request, receipt)
                if broken and broken.at == brought:
                    await refuse(context, broken.code, broken.reason)
                behind += 1
                self.unacknowledged_max = max(self.unacknowledged_max, behind)
                reading = asyncio.ensure_future(context.read())
            if not self.silent and (behind >= self.every or (behind and not reading.done())):
                await self._acknowledge(context, producer, receipt)
                receipt, behind = events_pb2.Receipt(), 0

    async def _acknowledge(self, context: Any, producer: str, receipt: events_pb2.Receipt) -> None:
        if self.attenuation is not None:
            receipt.attenuation.CopyFrom(self.attenuation)
        number = self.producers[producer][1]
        await context.write(operations_pb2.StreamEventsResponse(batch_number=number, receipt=receipt, window=self.window))

    async def _wait(self, context: Any, reading: asyncio.Future[Any], fence: asyncio.Event) -> None:
        """Until a request is there, it is time to acknowledge, or a newer stream of the same producer ends this one."""
        fenced = asyncio.ensure_future(fence.wait())
        await asyncio.wait({reading, fenced}, timeout=self.patience_s, return_when=asyncio.FIRST_COMPLETED)
        fenced.cancel()
        if fence.is_set():
            reading.cancel()
            await refuse(context, grpc.StatusCode.ABORTED, "PRODUCER_FENCED")

    async def _apply(self, context: Any, producer: str, request: Any, receipt: events_pb2.Receipt) -> None:
        epoch, durable = self.producers[producer]
        if request.batch_number <= durable:
            return
        if request.batch_number != durable + 1:
            await refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "BATCH_OUT_OF_SEQUENCE", expected=str(durable + 1))
        self.producers[producer] = epoch, durable + 1
        if self.malformed(request.batch):
            receipt.rejected_count += request.batch.columns.count
            reason = events_pb2.REJECTION_REASON_BATCH_MALFORMED
            receipt.rejections.add(batch_number=request.batch_number, reason=reason, detail="told to")
            return
        self.batches.append(request.batch)
        self.applied += rows(request.batch.columns)
        receipt.accepted_count += request.batch.columns.count
        self.came.set()

    async def come(self, count: int) -> None:
        """Returns once so many events have been applied."""
        while len(self.applied) < count:
            self.came.clear()
            await self.came.wait()


@dataclass
class Signals(algedonic_pb2_grpc.AlgedonicServiceServicer):
    """WatchSignals over a list: a position is a number of signals. Each stream takes the next of `breaks`: (responses, reason)."""

    signals: list[algedonic_pb2.Signal] = field(default_factory=list)
    page: int = 1
    breaks: list[tuple[int, grpc.StatusCode, str]] = field(default_factory=list)
    mute: set[int] = field(default_factory=set)
    requests: list[algedonic_pb2.WatchSignalsRequest] = field(default_factory=list)
    bearers: list[str] = field(default_factory=list)
    raised: list[algedonic_pb2.RaiseSignalRequest] = field(default_factory=list)
    unavailable: int = 0
    stuck: bool = False
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, *descriptions: str) -> None:
        self.signals += [algedonic_pb2.Signal(description=text, sequence=len(self.signals) + 1) for text in descriptions]
        self.grown.set()

    async def WatchSignals(self, request: Any, context: Any) -> None:  # type: ignore[override]  # noqa: N802
        self.requests.append(request)
        self.bearers.append(dict(context.invocation_metadata()).get("authorization", ""))
        start = request.WhichOneof("start")
        place = len(self.signals)
        if start is not None:
            place = int(request.resume_token) if start == "resume_token" else request.after_sequence
        if place > len(self.signals):
            await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_FOREIGN")
        left, code, reason = self.breaks.pop(0) if self.breaks else (None, grpc.StatusCode.OK, "")
        await self._say(context, place, [])
        while left is None or left > 0:
            self.grown.clear()
            chunk = self.signals[place : place + self.page]
            place += len(chunk)
            if len(self.requests) in self.mute:
                await asyncio.Event().wait()
            await self._say(context, place, chunk)
            left = None if left is None else left - 1
            if not chunk:
                await self._idle(request.heartbeat_interval.ToTimedelta().total_seconds())
        if code is not grpc.StatusCode.OK:
            await refuse(context, code, reason, watch_pb2.StreamEnd(resume_token=str(place), oldest_sequence=7))

    async def _say(self, context: Any, place: int, chunk: list[algedonic_pb2.Signal]) -> None:
        beat = None if chunk else watch_pb2.Heartbeat()
        await context.write(algedonic_pb2.WatchSignalsResponse(resume_token=str(place), signals=chunk, heartbeat=beat))

    async def _idle(self, heartbeat_s: float) -> None:
        try:
            async with asyncio.timeout(heartbeat_s):
                await self.grown.wait()
        except TimeoutError:
            return

    async def RaiseSignal(self, request: Any, context: Any) -> algedonic_pb2.RaiseSignalResponse:  # noqa: N802
        self.raised.append(request)
        if self.stuck:
            await asyncio.Event().wait()
        if self.unavailable:
            self.unavailable -= 1
            await refuse(context, grpc.StatusCode.UNAVAILABLE, "NOT_DURABLE")
        if not request.signal.source:
            violation = error_details_pb2.BadRequest.FieldViolation(field="signal.source", description="must not be empty")
            bad = error_details_pb2.BadRequest(field_violations=[violation])
            await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", bad)
        if request.signal.source == "noisy":
            retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=11, nanos=500_000_000))
            await refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry, limit="s5_policy")
        return algedonic_pb2.RaiseSignalResponse(signal=request.signal)


@dataclass
class StandIn:
    """A server on a free port of the loopback; `restart` breaks every connection and comes back on the same port."""

    events: Events = field(default_factory=Events)
    signals: Signals = field(default_factory=Signals)
    port: int = 0
    _server: Any = None

    async def start(self) -> None:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        operations_pb2_grpc.add_OperationsServiceServicer_to_server(self.events, self._server)
        algedonic_pb2_grpc.add_AlgedonicServiceServicer_to_server(self.signals, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)

    def client(self, token: Any = TOKEN, chance: float = 0.5) -> Client:
        """A client that loses no time between tries."""
        settings = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 1))
        options = ClientOptions(backoff_first_s=0.002, chance=lambda: chance, channel_options=settings, environ={})
        return Client(f"127.0.0.1:{self.port}", token, options)


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    """A running stand-in."""
    server = StandIn()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
