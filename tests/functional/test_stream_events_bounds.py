"""Streams at their bounds: more than the window, batches as large as they may be, tokens that end."""

import asyncio

import grpc
from vsm.v1.log_pb2 import Entry
from vsm.v1.operations_pb2 import StreamEventsOpen, StreamEventsRequest
from vsm.v1.security_pb2 import Revocation, RevokeTokenRequest, WhoAmIRequest
from vsm.v1.system_pb2 import WatchLogRequest

from tests.functional.test_stream_events import acknowledged, batches, opened, send
from tests.functional.wire import Wire, columns, end_of, followed, position, read_one

ENTRY_BYTES_MAX = 2 << 20
RESPONSE_BYTES_MAX = 1 << 20


async def test_a_producer_that_minds_no_window_is_held_and_not_lost(vsm: Wire, parent: str) -> None:
    """300 batches sent without reading one acknowledgement are all taken, once, in order."""
    async with opened(vsm, parent) as call:
        sending = asyncio.create_task(send(call, *range(1, 301)))
        responses = await acknowledged(call, 300)
        await sending
    assert sum(response.receipt.accepted_count for response in responses) == 300
    assert await batches(vsm, parent) == list(range(1, 301))


async def test_large_batches_stay_within_the_bounds_of_an_entry(vsm: Wire, parent: str) -> None:
    """Twelve batches of almost 1 MiB at once are taken; no entry is over 2 MiB, no response over 1 MiB but for a single entry."""
    measures = {f"m{number}": [0.5] * 10_000 for number in range(12)}
    large = columns(10_000)
    for name, values in measures.items():
        large.columns.measures.add(name=name, values=values)
    async with opened(vsm, parent) as call:
        await read_one(call)
        sending = asyncio.create_task(send(call, *range(1, 13), batch=large))
        responses = await acknowledged(call, 12)
        await sending
    assert sum(response.receipt.accepted_count for response in responses) == 120_000
    until = (await position(vsm, parent)).sequence
    entries: list[Entry] = []
    async with followed(vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, after_sequence=0))) as call_log:
        while not entries or entries[-1].sequence < until:
            response = await read_one(call_log)
            assert len(response.entries) <= 1 or sum(entry.ByteSize() for entry in response.entries) <= RESPONSE_BYTES_MAX
            entries.extend(response.entries)
    assert max(entry.ByteSize() for entry in entries) <= ENTRY_BYTES_MAX
    assert await batches(vsm, parent) == list(range(1, 13))


async def test_a_revocation_ends_an_event_stream(vsm: Wire, parent: str) -> None:
    """A producer whose token is revoked is ended within a second, and what it was told is durable stays."""
    producer = await vsm.narrowed(scopes=["operations.report"], systems=[parent], units=["*"])
    async with opened(producer, parent) as call:
        await send(call, 1)
        await acknowledged(call, 1)
        claims = (await producer.ask(producer.security.WhoAmI, WhoAmIRequest())).claims
        await vsm.ask(vsm.security.RevokeToken, RevokeTokenRequest(revocation=Revocation(token_id=claims.token_id)))
        refused = await end_of(call, within_s=2)
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")
    assert await batches(vsm, parent) == [1]


async def test_a_stream_that_breaks_off_leaves_its_number(vsm: Wire, parent: str) -> None:
    """Thirty streams that are cancelled in the middle of sending add up to every batch once."""
    last = 0
    for _ in range(30):
        call = vsm.operations.StreamEvents(metadata=vsm.metadata)
        await call.write(StreamEventsRequest(open=StreamEventsOpen(parent=parent, producer="p", epoch=1)))
        known = (await read_one(call)).batch_number
        assert known >= last
        await send(call, *range(known + 1, known + 6))
        last = (await read_one(call)).batch_number
        call.cancel()
    logged = await batches(vsm, parent)
    assert logged == list(range(1, len(logged) + 1))
    assert len(logged) >= last
