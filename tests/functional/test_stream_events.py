"""Streams of batches: acknowledged by number, applied once, fenced by epoch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from vsm.v1.events_pb2 import REJECTION_REASON_BATCH_MALFORMED, EventBatch, EventColumns, Receipt, StringColumn
from vsm.v1.operations_pb2 import StreamEventsOpen, StreamEventsRequest, StreamEventsResponse

from tests.functional.wire import Wire, columns, end_of, event, numbers, read_one, refusal, reported, rows

Call = grpc.aio.StreamStreamCall[StreamEventsRequest, StreamEventsResponse]
MALFORMED = EventBatch(columns=EventColumns(count=2, kind=StringColumn(dictionary=["request"], index=[5, 6])))


@asynccontextmanager
async def opened(vsm: Wire, parent: str, producer: str = "p", epoch: int = 1) -> AsyncIterator[Call]:
    """A stream whose first request has been sent."""
    call = vsm.operations.StreamEvents(metadata=vsm.metadata)
    # A stream may be refused before its first request has left; whoever reads it is told why.
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        await call.write(StreamEventsRequest(open=StreamEventsOpen(parent=parent, producer=producer, epoch=epoch)))
    try:
        yield call
    finally:
        call.cancel()


async def send(call: Call, *numbered: int, batch: EventBatch | None = None) -> None:
    """Batches of one event that says its number, or `batch` under each number."""
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        for number in numbered:
            await call.write(StreamEventsRequest(batch_number=number, batch=batch or rows(event(number=float(number)))))


async def acknowledged(call: Call, number: int) -> list[StreamEventsResponse]:
    """Every response up to the one that covers `number`."""
    responses = [await read_one(call)]
    while responses[-1].batch_number < number:
        responses.append(await read_one(call))
    return responses


async def batches(vsm: Wire, parent: str) -> list[int]:
    """The numbers in the log, in its order."""
    return numbers(await reported(vsm, parent))


async def test_the_first_response_comes_at_once(vsm: Wire, parent: str) -> None:
    """Before any batch is sent, the server tells the last durable number and how many may be on their way."""
    async with opened(vsm, parent) as call:
        first = await read_one(call, within_s=2)
    assert (first.batch_number, first.HasField("receipt")) == (0, False)
    assert first.window > 0


async def test_acknowledgements_cover_all_before_them(vsm: Wire, parent: str) -> None:
    """Numbers only grow, the receipts add up to every event, and each batch is in the log once, in order."""
    async with opened(vsm, parent) as call:
        await read_one(call)
        await send(call, *range(1, 31))
        responses = await acknowledged(call, 30)
    told = [response.batch_number for response in responses]
    assert told == sorted(told)
    assert told[-1] == 30
    assert sum(response.receipt.accepted_count for response in responses) == 30
    assert await batches(vsm, parent) == list(range(1, 31))


async def test_an_acknowledged_batch_is_in_the_log(vsm: Wire, parent: str) -> None:
    """When a batch is acknowledged its entry can be read, with producer, epoch, number and reporter."""
    async with opened(vsm, parent, "press", epoch=7) as call:
        await read_one(call)
        await send(call, 1)
        await acknowledged(call, 1)
        (batch,) = await reported(vsm, parent)
    assert (batch.producer, batch.epoch, batch.batch_number, batch.count) == ("press", 7, 1, 1)
    assert batch.reporter


async def test_a_half_closed_stream_ends_well(vsm: Wire, parent: str) -> None:
    """After the producer's last batch everything is acknowledged and the stream ends with OK."""
    async with opened(vsm, parent) as call:
        await send(call, 1, 2, 3)
        await call.done_writing()
        async with asyncio.timeout(10):
            responses = [response async for response in call]
            assert await call.code() == grpc.StatusCode.OK
    assert responses[-1].batch_number == 3
    assert await batches(vsm, parent) == [1, 2, 3]


async def test_a_known_number_is_acknowledged_and_not_applied_again(vsm: Wire, parent: str) -> None:
    """A producer that comes back learns its last number; what it resends is acknowledged and in the log once."""
    async with opened(vsm, parent) as call:
        await send(call, 1, 2, 3)
        await acknowledged(call, 3)
    async with opened(vsm, parent) as call:
        assert (await read_one(call)).batch_number == 3
        await send(call, 2, 3, 4)
        responses = await acknowledged(call, 4)
    assert sum(response.receipt.accepted_count for response in responses) == 1
    assert await batches(vsm, parent) == [1, 2, 3, 4]


async def test_a_gap_ends_the_stream(vsm: Wire, parent: str) -> None:
    """A number that leaves one out ends the stream with the number that must come next; what came before stays."""
    async with opened(vsm, parent) as call:
        await send(call, 1, 3)
        refused = await end_of(call)
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_OUT_OF_SEQUENCE")
    assert refused.about["expected"] == "2"
    assert await batches(vsm, parent) == [1]


async def test_a_second_stream_fences_the_first(vsm: Wire, parent: str) -> None:
    """The stream that opens later has the producer; the earlier one is ended."""
    async with opened(vsm, parent) as first, opened(vsm, parent) as second:
        await read_one(first)
        await read_one(second)
        refused = await end_of(first)
        await send(second, 1)
        await acknowledged(second, 1)
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "PRODUCER_FENCED")
    assert await batches(vsm, parent) == [1]


async def test_a_lower_epoch_is_fenced(vsm: Wire, parent: str) -> None:
    """A producer's earlier life is refused and does not disturb the present one."""
    async with opened(vsm, parent, epoch=5) as present:
        await send(present, 1)
        await acknowledged(present, 1)
        async with opened(vsm, parent, epoch=4) as past:
            refused = await end_of(past)
        await send(present, 2)
        await acknowledged(present, 2)
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "PRODUCER_FENCED")


async def test_a_higher_epoch_begins_again(vsm: Wire, parent: str) -> None:
    """A new life of a producer begins at 1 and ends the stream of the old one."""
    async with opened(vsm, parent, epoch=1) as old:
        await send(old, 1, 2)
        await acknowledged(old, 2)
        async with opened(vsm, parent, epoch=2) as new:
            assert (await read_one(new)).batch_number == 0
            await send(new, 1)
            await acknowledged(new, 1)
            assert (await end_of(old)).reason == "PRODUCER_FENCED"
    logged = await reported(vsm, parent)
    assert [(batch.epoch, number) for batch in logged for number in numbers([batch])] == [(1, 1), (1, 2), (2, 1)]


async def test_producers_of_two_callers_do_not_meet(vsm: Wire, parent: str) -> None:
    """The name of a producer is its own among the caller's: another subject's producer of that name counts for itself."""
    other = await vsm.narrowed(scopes=["operations.report"], systems=[parent], units=["*"])
    async with opened(vsm, parent) as one, opened(other, parent) as another:
        await send(one, 1, 2)
        await acknowledged(one, 2)
        assert (await read_one(another)).batch_number == 0
        await send(another, 1)
        await acknowledged(another, 1)
        await send(one, 3)
        await acknowledged(one, 3)


async def test_a_batch_that_cannot_be_read_is_acknowledged_as_refused(vsm: Wire, parent: str) -> None:
    """A malformed batch is refused by its number, the stream goes on, and the number counts as known."""
    async with opened(vsm, parent) as call:
        await send(call, 1)
        await send(call, 2, batch=MALFORMED)
        await send(call, 3)
        responses = await acknowledged(call, 3)
    rejections = [rejection for response in responses for rejection in response.receipt.rejections]
    assert [(rejection.batch_number, rejection.reason) for rejection in rejections] == [(2, REJECTION_REASON_BATCH_MALFORMED)]
    assert not rejections[0].HasField("index")
    assert sum(response.receipt.accepted_count for response in responses) == 2
    async with opened(vsm, parent) as call:
        assert (await read_one(call)).batch_number == 3


async def test_a_bad_event_in_a_stream_is_told_by_batch_and_position(vsm: Wire, parent: str) -> None:
    """A refused event carries the number of its batch and its position there."""
    async with opened(vsm, parent) as call:
        await send(call, 1)
        await send(call, 2, batch=rows(event(), event("nobody")))
        responses = await acknowledged(call, 2)
    rejections = [rejection for response in responses for rejection in response.receipt.rejections]
    assert [(rejection.batch_number, rejection.index) for rejection in rejections] == [(2, 1)]


@pytest.mark.parametrize(
    "first",
    [
        StreamEventsRequest(),
        StreamEventsRequest(batch_number=1, batch=rows(event())),
        StreamEventsRequest(open=StreamEventsOpen(parent="systems/default")),
        StreamEventsRequest(open=StreamEventsOpen(parent="systems/default", producer="p" * 129)),
    ],
)
async def test_a_stream_must_be_opened(vsm: Wire, first: StreamEventsRequest) -> None:
    """A stream without an opening, or one without a producer's name of 1 to 128 bytes, is INVALID_ARGUMENT."""
    call = vsm.operations.StreamEvents(metadata=vsm.metadata)
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        await call.write(first)
    refused = await end_of(call)
    assert refused.code in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
    assert refused.reason


async def test_a_stream_is_opened_once(vsm: Wire, parent: str) -> None:
    """A second opening on one stream is INVALID_ARGUMENT."""
    async with opened(vsm, parent) as call:
        await read_one(call)
        await call.write(StreamEventsRequest(open=StreamEventsOpen(parent=parent, producer="q", epoch=1)))
        refused = await end_of(call)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_a_stream_to_an_unknown_system_is_not_found(vsm: Wire) -> None:
    """A stream to a system that is not there ends with NOT_FOUND."""
    async with opened(vsm, "systems/not-there") as call:
        refused = await end_of(call)
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_a_stream_is_checked_as_a_call_is(vsm: Wire, parent: str) -> None:
    """Without the scope a stream is refused, and with it units of others are refused one by one."""
    await vsm.register(parent, "mine", "yours")
    blind = await vsm.narrowed(scopes=["operations.read"], systems=[parent], units=["*"])
    # Nothing is written: the library tells INTERNAL for a write that meets the refusal.
    refused = await end_of(blind.operations.StreamEvents(metadata=blind.metadata))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    mine = await vsm.narrowed(scopes=["operations.report"], systems=[parent], units=["mine"])
    async with opened(mine, parent) as call:
        await send(call, 1, batch=rows(event("mine"), event("yours")))
        (receipt,) = [response.receipt for response in await acknowledged(call, 1) if response.HasField("receipt")]
    assert (receipt.accepted_count, receipt.rejected_count) == (1, 1)


async def test_many_producers_at_once(vsm: Wire, parent: str) -> None:
    """Eight producers that stream together are each acknowledged in full, and no batch is lost or doubled."""

    async def produce(name: str) -> int:
        async with opened(vsm, parent, name) as call:
            first = await read_one(call)
            accepted = 0
            for start in range(1, 41, min(first.window, 8)):
                last = min(start + min(first.window, 8) - 1, 40)
                await send(call, *range(start, last + 1), batch=columns(100, load=[0.5] * 100))
                accepted += sum(response.receipt.accepted_count for response in await acknowledged(call, last))
            return accepted

    assert await asyncio.gather(*(produce(f"p{n}") for n in range(8))) == [4000] * 8
    logged = await reported(vsm, parent)
    assert sorted((batch.producer, batch.batch_number) for batch in logged) == [(f"p{p}", n) for p in range(8) for n in range(1, 41)]


async def test_receipts_of_a_retried_call_are_of_the_unary_way_alone(vsm: Wire, parent: str) -> None:
    """A unary report beside a stream of the same caller is taken for itself and carries no number."""
    async with opened(vsm, parent) as call:
        await send(call, 1)
        await acknowledged(call, 1)
        receipt: Receipt = await vsm.report(parent, rows(event("nobody"), event()))
    assert (receipt.accepted_count, receipt.rejections[0].batch_number) == (1, 0)
    assert (await refusal(vsm.report("systems/not-there", rows(event())))).code == grpc.StatusCode.NOT_FOUND
