"""The raw wire: generated stubs with a token, refusals read from their details, and the log read as it was written."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import grpc
from google.rpc import error_details_pb2, status_pb2
from vsm.v1 import (
    algedonic_pb2_grpc,
    events_pb2,
    log_pb2,
    operations_pb2,
    operations_pb2_grpc,
    patterns_pb2_grpc,
    security_pb2,
    security_pb2_grpc,
    subsystem_pb2,
    system_pb2,
    system_pb2_grpc,
    system_resource_pb2,
    watch_pb2,
)
from vsm.v1.access_pb2 import ZONE_PRIVATE

Q = TypeVar("Q")
A = TypeVar("A")
T = TypeVar("T")

CALL_TIMEOUT_S = 15.0
ALL_SUBSYSTEMS = [number for number in subsystem_pb2.Subsystem.values() if number]


class Wire:
    """The five services over one channel, as the holder of one token; `token` "" sends none."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self.channel = channel
        self.token = token
        self.metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self.operations = operations_pb2_grpc.OperationsServiceStub(channel)
        self.algedonic = algedonic_pb2_grpc.AlgedonicServiceStub(channel)
        self.patterns = patterns_pb2_grpc.PatternServiceStub(channel)
        self.systems = system_pb2_grpc.SystemServiceStub(channel)
        self.security = security_pb2_grpc.SecurityServiceStub(channel)

    def holding(self, token: str) -> "Wire":
        """The same channel in another caller's hands."""
        return Wire(self.channel, token)

    async def ask(self, method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
        """One answer, or AioRpcError; no call takes over CALL_TIMEOUT_S."""
        return await method(request, metadata=self.metadata, timeout=CALL_TIMEOUT_S)

    def follow(self, method: grpc.aio.UnaryStreamMultiCallable[Q, A], request: Q) -> grpc.aio.UnaryStreamCall[Q, A]:
        """A stream without an end of its own."""
        return method(request, metadata=self.metadata)

    async def narrowed(self, subject: str = "", **claims: object) -> "Wire":
        """The same channel with a token that says what `claims` say; what they leave out is empty but the zone, PRIVATE."""
        wanted = security_pb2.Claims(subject=subject or f"narrow-{uuid4().hex[:8]}", zone=ZONE_PRIVATE)
        wanted.MergeFrom(security_pb2.Claims(**claims))  # type: ignore[arg-type]
        answer = await self.ask(self.security.IssueToken, security_pb2.IssueTokenRequest(claims=wanted))
        return self.holding(answer.token)

    async def found(self, prefix: str = "t") -> str:
        """A system of its own: systems/{prefix}-{random}."""
        name = f"systems/{prefix}-{uuid4().hex[:10]}"
        await self.ask(
            self.systems.CreateSystem,
            system_pb2.CreateSystemRequest(system=system_resource_pb2.ViableSystem(name=name)),
        )
        return name

    async def register(self, parent: str, *segments: str, silence_s: int = 0) -> None:
        """Units by their last segments, in this order; `silence_s` 0 leaves the timeout unset."""
        for segment in segments:
            unit = operations_pb2.Unit(name=f"{parent}/units/{segment}")
            if silence_s:
                unit.silence_timeout.FromSeconds(silence_s)
            await self.ask(self.operations.RegisterUnit, operations_pb2.RegisterUnitRequest(unit=unit))

    async def report(self, parent: str, batch: events_pb2.EventBatch, request_id: str = "") -> events_pb2.Receipt:
        """One batch by the unary way."""
        request = operations_pb2.ReportEventsRequest(parent=parent, batch=batch, request_id=request_id)
        return (await self.ask(self.operations.ReportEvents, request)).receipt


@dataclass(frozen=True, slots=True)
class Refused:
    """What a call that failed says; `fields` are the paths of BadRequest, `end` is set where a stream tells where to go on."""

    code: grpc.StatusCode
    reason: str
    domain: str
    about: dict[str, str]
    fields: list[str]
    text: str
    end: watch_pb2.StreamEnd | None = None
    retry_s: float | None = None
    request_id: str = ""
    trailers: dict[str, str | bytes] = field(default_factory=dict)


def read_refusal(error: grpc.aio.AioRpcError) -> Refused:
    """The google.rpc.Status in the trailers, taken apart."""
    trailers = dict(error.trailing_metadata() or ())
    packed = trailers.get("grpc-status-details-bin", b"")
    status = status_pb2.Status.FromString(packed if isinstance(packed, bytes) else packed.encode())
    info, bad, end, retry, asked = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        watch_pb2.StreamEnd(),
        error_details_pb2.RetryInfo(),
        error_details_pb2.RequestInfo(),
    )
    found = {
        message.DESCRIPTOR.full_name for message in (info, bad, end, retry, asked) for detail in status.details if detail.Unpack(message)
    }
    return Refused(
        code=error.code(),
        reason=info.reason.removeprefix("ERROR_REASON_"),
        domain=info.domain,
        about=dict(info.metadata),
        fields=[violation.field for violation in bad.field_violations],
        text=error.details() or "",
        end=end if end.DESCRIPTOR.full_name in found else None,
        retry_s=retry.retry_delay.ToTimedelta().total_seconds() if retry.DESCRIPTOR.full_name in found else None,
        request_id=asked.request_id,
        trailers=trailers,
    )


async def refusal(call: Awaitable[Any]) -> Refused:
    """Awaits a call that must be refused."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return read_refusal(error)
    raise AssertionError(f"not refused: {answer}")


async def end_of(
    call: grpc.aio.UnaryStreamCall[Any, Any] | grpc.aio.StreamStreamCall[Any, Any], within_s: float = CALL_TIMEOUT_S
) -> Refused:
    """Reads a stream until the server ends it with an error, and tells which."""
    try:
        async with asyncio.timeout(within_s):
            while await call.read() is not grpc.aio.EOF:
                pass
    except grpc.aio.AioRpcError as error:
        return read_refusal(error)
    raise AssertionError("the stream ended without an error")


async def wait_until(probe: Callable[[], Awaitable[T]], *, within_s: float = 10.0, every_s: float = 0.05) -> T:
    """The first truthy answer of `probe`; AssertionError with the last answer when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (answer := await probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {within_s} s; last: {answer}")
        await asyncio.sleep(every_s)
    return answer


async def read_one(call: grpc.aio.UnaryStreamCall[Q, A] | grpc.aio.StreamStreamCall[Q, A], within_s: float = CALL_TIMEOUT_S) -> A:
    """The next message of a stream that has one."""
    async with asyncio.timeout(within_s):
        message = await call.read()
    assert message is not grpc.aio.EOF, "the stream ended"
    return message  # type: ignore[return-value]


@asynccontextmanager
async def followed(call: grpc.aio.UnaryStreamCall[Q, A]) -> AsyncIterator[grpc.aio.UnaryStreamCall[Q, A]]:
    """Cancels the stream at the end and waits until it is gone."""
    try:
        yield call
    finally:
        call.cancel()
        with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            await call.code()


async def position(wire: Wire, parent: str) -> system_pb2.GetStatusResponse:
    """Where the log of a system is now."""
    return await wire.ask(wire.systems.GetStatus, system_pb2.GetStatusRequest(name=parent))


async def log(wire: Wire, parent: str, after: int = 0) -> list[log_pb2.Entry]:
    """Every entry after `after` up to the position of this moment; asserts that none is missing or repeated."""
    until = (await position(wire, parent)).sequence
    entries: list[log_pb2.Entry] = []
    if until <= after:
        return entries
    request = system_pb2.WatchLogRequest(parent=parent, after_sequence=after)
    async with followed(wire.follow(wire.systems.WatchLog, request)) as call:
        while not entries or entries[-1].sequence < until:
            entries.extend((await read_one(call)).entries)
    numbers = [entry.sequence for entry in entries]
    assert numbers == list(range(after + 1, after + 1 + len(numbers))), numbers
    return entries


def facts(entries: Iterable[log_pb2.Entry], body: str = "") -> list[log_pb2.Fact]:
    """The facts of the entries, or those of one body, in order."""
    return [fact for entry in entries for fact in entry.facts if not body or fact.WhichOneof("body") == body]


async def reported(wire: Wire, parent: str) -> list[log_pb2.EventsReported]:
    """Every batch in the log, in order."""
    return [fact.events_reported for fact in facts(await log(wire, parent), "events_reported")]


def numbers(logged: Iterable[log_pb2.EventsReported]) -> list[int]:
    """The numbers of batches in the order of the log, also of those that were read together."""
    return [number for fact in logged for number in range(fact.first_batch_number or fact.batch_number, fact.batch_number + 1)]


def rows(*events: events_pb2.Event) -> events_pb2.EventBatch:
    """A batch of one message an event."""
    return events_pb2.EventBatch(rows=events_pb2.EventRows(events=events))


def event(
    unit: str = "", kind: str = "request", at_ns: int = 0, labels: dict[str, str] | None = None, **measures: float
) -> events_pb2.Event:
    """One event; `at_ns` 0: on arrival."""
    return events_pb2.Event(unit=unit, kind=kind, time_unix_nano=at_ns, measures=measures, labels=labels or {})


def columns(
    count: int, unit: str = "", kind: str = "request", at_ns: Sequence[int] = (), **measures: Sequence[float]
) -> events_pb2.EventBatch:
    """A batch of one unit and one kind, by columns."""
    return events_pb2.EventBatch(
        columns=events_pb2.EventColumns(
            count=count,
            time_unix_nano=at_ns,
            unit=events_pb2.StringColumn(dictionary=[unit]),
            kind=events_pb2.StringColumn(dictionary=[kind]),
            measures=[events_pb2.MeasureColumn(name=name, values=values) for name, values in measures.items()],
        )
    )


def now_ns(offset_s: float = 0.0) -> int:
    """The wall clock, `offset_s` ahead."""
    return time.time_ns() + int(offset_s * 1e9)
