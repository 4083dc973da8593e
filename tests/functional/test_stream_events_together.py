"""Small batches that are on their way at once are read together, and each is told of as if it had come alone."""

import asyncio
from collections.abc import Sequence

from vsm.v1.events_pb2 import (
    REJECTION_REASON_BATCH_MALFORMED,
    REJECTION_REASON_UNIT_UNKNOWN,
    Attenuation,
    Event,
    EventBatch,
    EventRows,
    Rejection,
)
from vsm.v1.operations_pb2 import StreamEventsResponse

from tests.functional.test_stream_events import acknowledged, batches, opened, send
from tests.functional.wire import Wire, event, numbers, read_one, reported, rows

# More names than a batch may have, of which no event has more than one.
TOO_MANY_NAMES = rows(*(Event(kind="request", measures={f"m{number}": 1.0}) for number in range(65)))


def _rejections(responses: Sequence[StreamEventsResponse]) -> list[Rejection]:
    return [rejection for response in responses for rejection in response.receipt.rejections]


async def test_batches_of_one_event_share_facts(vsm: Wire, parent: str) -> None:
    """200 single events at once are fewer facts, whose numbers, counts and events are those that were sent, in order."""
    async with opened(vsm, parent) as call:
        sending = asyncio.create_task(send(call, *range(1, 201)))
        responses = await acknowledged(call, 200)
        await sending
    logged = await reported(vsm, parent)
    assert numbers(logged) == list(range(1, 201))
    assert len(logged) < 200
    assert [value for fact in logged for value in fact.columns.measures[0].values] == [float(number) for number in range(1, 201)]
    assert all(list(fact.batch_counts) == [1] * len(numbers([fact])) for fact in logged if fact.first_batch_number)
    assert sum(response.receipt.accepted_count for response in responses) == 200


async def test_a_bad_batch_among_small_ones_is_refused_alone(vsm: Wire, parent: str) -> None:
    """Of batches that wait together the unreadable ones, and the events of unknown units, are refused by their own number and position."""
    bad = {17: EventBatch(rows=EventRows()), 25: TOO_MANY_NAMES, 33: rows(event(), event("nobody"), event())}
    async with opened(vsm, parent) as call:
        await read_one(call)
        for number in range(1, 51):
            await send(call, number, batch=bad.get(number))
        responses = await acknowledged(call, 50)
    assert [(told.batch_number, told.HasField("index"), told.index, told.reason) for told in _rejections(responses)] == [
        (17, False, 0, REJECTION_REASON_BATCH_MALFORMED),
        (25, False, 0, REJECTION_REASON_BATCH_MALFORMED),
        (33, True, 1, REJECTION_REASON_UNIT_UNKNOWN),
    ]
    assert sum(response.receipt.accepted_count for response in responses) == 49
    assert sum(response.receipt.rejected_count for response in responses) == 66
    assert await batches(vsm, parent) == list(range(1, 51))


async def test_thinned_batches_keep_what_was_applied_to_them(vsm: Wire, parent: str) -> None:
    """A batch that tells of thinning is a fact of its own."""
    thinned = rows(event())
    thinned.applied.CopyFrom(Attenuation(keep_ratio={"request": 0.5}))
    async with opened(vsm, parent) as call:
        await send(call, 1, 2, 3)
        await send(call, 4, batch=thinned)
        await send(call, 5, 6)
        await acknowledged(call, 6)
    logged = await reported(vsm, parent)
    assert [fact.batch_number for fact in logged if fact.HasField("applied") and not fact.first_batch_number] == [4]
    assert numbers(logged) == [1, 2, 3, 4, 5, 6]


async def test_what_gathered_is_acknowledged_before_the_end(vsm: Wire, parent: str) -> None:
    """A producer that half-closes right behind its last batch is told of all of them."""
    async with opened(vsm, parent) as call:
        await send(call, *range(1, 41))
        await call.done_writing()
        async with asyncio.timeout(10):
            responses = [response async for response in call]
    assert responses[-1].batch_number == 40
    assert await batches(vsm, parent) == list(range(1, 41))


async def test_batches_sent_again_among_new_ones_are_known(vsm: Wire, parent: str) -> None:
    """A stream that begins further back than its producer stood is acknowledged, and nothing is there twice."""
    async with opened(vsm, parent) as call:
        await send(call, *range(1, 31))
        await acknowledged(call, 30)
    async with opened(vsm, parent) as call:
        await send(call, *range(11, 61))
        responses = await acknowledged(call, 60)
    assert sum(response.receipt.accepted_count for response in responses) == 30
    assert await batches(vsm, parent) == list(range(1, 61))
